-- Earliest time at which any subscription of the topic can be due; null when none is. Any statement that makes work due
-- lowers it under the topic's lock; next_due() raises it, but not while a batch is on lease, which may end at any time.
ALTER TABLE topics ADD COLUMN due_from timestamptz;
UPDATE topics SET due_from = statement_timestamp();
-- Planners read only topics that may have something due: those with nothing pending, or whose webhooks wait for a retry,
-- cost nothing, however many subscriptions they have.
CREATE INDEX topics_due ON topics (due_from) WHERE due_from IS NOT NULL;
-- When a topic's redeliveries are due. Most subscriptions have none, and are not in it.
CREATE INDEX subscriptions_redelivering ON subscriptions (topic_id) WHERE redelivery_due_at IS NOT NULL;
-- The auto topics: Dispatch looks whether messages wait in them.
CREATE INDEX topics_auto ON topics (id) WHERE broadcast = 'auto' AND deleted_at IS NULL;
