-- List topics with dead letters of the queue, and when the last one died. p_topic_ids: of these; null: of all, but of the last
-- 500 in the index, from one to the one before.
CREATE OR REPLACE FUNCTION broker.dead_topics(p_topic_ids integer[])
RETURNS TABLE (topic_id integer, died_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_topic_ids IS NOT NULL THEN
        RETURN QUERY
        SELECT o.id, l.died_at
          FROM unnest(p_topic_ids) o (id)
         CROSS JOIN LATERAL (SELECT q.died_at FROM broker.queue q WHERE q.topic_id = o.id AND q.died_at IS NOT NULL
                              ORDER BY q.died_at DESC, q.message_id DESC LIMIT 1) l;
        RETURN;
    END IF;
    RETURN QUERY
    WITH RECURSIVE found AS (
        (SELECT q.topic_id, q.died_at, 1 AS nth FROM broker.queue q WHERE q.died_at IS NOT NULL
          ORDER BY q.topic_id DESC, q.died_at DESC, q.message_id DESC LIMIT 1)
        UNION ALL
        SELECT n.topic_id, n.died_at, f.nth + 1
          FROM found f
         CROSS JOIN LATERAL (SELECT q.topic_id, q.died_at FROM broker.queue q
                              WHERE q.died_at IS NOT NULL AND q.topic_id < f.topic_id
                              ORDER BY q.topic_id DESC, q.died_at DESC, q.message_id DESC LIMIT 1) n
         WHERE f.nth < 500)
    SELECT f.topic_id, f.died_at FROM found f;
END
$$;
