-- The dead letters of a topic in the order in which they died. Rows that live are not in it.
CREATE INDEX queue_dead ON queue (topic_id, died_at, message_id) WHERE died_at IS NOT NULL;
