-- List topics with a message that is ready, and since when the oldest is. p_topic_ids: of these; null: of all, but of the first
-- 500 in the index that have messages, from one to the next.
CREATE OR REPLACE FUNCTION broker.waiting_topics(p_topic_ids integer[])
RETURNS TABLE (topic_id integer, ready_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_topic_ids IS NOT NULL THEN
        RETURN QUERY
        SELECT o.id, f.ready_at
          FROM unnest(p_topic_ids) o (id)
         CROSS JOIN LATERAL (SELECT q.ready_at FROM broker.queue q WHERE q.topic_id = o.id AND q.died_at IS NULL
                              ORDER BY q.ready_at, q.message_id LIMIT 1) f
         WHERE f.ready_at <= broker.call_time();
        RETURN;
    END IF;
    RETURN QUERY
    WITH RECURSIVE found AS (
        (SELECT q.topic_id, q.ready_at, 1 AS nth FROM broker.queue q WHERE q.died_at IS NULL
          ORDER BY q.topic_id, q.ready_at, q.message_id LIMIT 1)
        UNION ALL
        SELECT n.topic_id, n.ready_at, f.nth + 1
          FROM found f
         CROSS JOIN LATERAL (SELECT q.topic_id, q.ready_at FROM broker.queue q
                              WHERE q.died_at IS NULL AND q.topic_id > f.topic_id
                              ORDER BY q.topic_id, q.ready_at, q.message_id LIMIT 1) n
         WHERE f.nth < 500)
    SELECT f.topic_id, f.ready_at FROM found f WHERE f.ready_at <= broker.call_time();
END
$$;
