-- Since when something may be owed to a topic's subscriptions. Who lets something be owed sets it, under the topic's lock;
-- next_due takes it back when nothing is owed any more. Null: nothing is, for certain.
ALTER TABLE topics ADD COLUMN owing_since timestamptz;
UPDATE topics SET owing_since = statement_timestamp();
-- Planners look at these only, so that a topic with nothing to send costs nothing, however many subscriptions it has.
CREATE INDEX topics_owing ON topics (id) WHERE owing_since IS NOT NULL;
-- When a topic's redeliveries are due. Most subscriptions have none, and are not in it.
CREATE INDEX subscriptions_redelivering ON subscriptions (topic_id) WHERE redelivery_due_at IS NOT NULL;
-- The topics that broadcast by themselves: dispatch looks whether something waits in them.
CREATE INDEX topics_auto ON topics (id) WHERE broadcast = 'auto' AND deleted_at IS NULL;
