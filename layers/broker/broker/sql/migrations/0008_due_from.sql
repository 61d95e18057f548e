-- Nothing that a topic's subscriptions are owed is due before this; null: nothing is owed. Who lets something be due sets it,
-- under the topic's lock; next_due puts it off. What is on lease may be due at any time, so it is not put off meanwhile.
ALTER TABLE topics ADD COLUMN due_from timestamptz;
UPDATE topics SET due_from = statement_timestamp();
-- Planners look at those only that may have something due: topics that owe nothing, or whose webhooks wait to be tried again,
-- cost nothing, however many subscriptions they have.
CREATE INDEX topics_due ON topics (due_from) WHERE due_from IS NOT NULL;
-- When a topic's redeliveries are due. Most subscriptions have none, and are not in it.
CREATE INDEX subscriptions_redelivering ON subscriptions (topic_id) WHERE redelivery_due_at IS NOT NULL;
-- The topics that broadcast by themselves: dispatch looks whether something waits in them.
CREATE INDEX topics_auto ON topics (id) WHERE broadcast = 'auto' AND deleted_at IS NULL;
