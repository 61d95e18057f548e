-- List topics with a subscription that is disabled, whose batch is to be tried again, or that is paused; trouble is 1, 2 or 3.
-- p_topic_ids: of these, looking at five subscriptions of each that do not rest; null: of all, but of the 200 subscriptions to
-- be tried again first, and the first 500 topics in the index with one that is disabled or paused.
CREATE OR REPLACE FUNCTION broker.troubled_topics(p_topic_ids integer[])
RETURNS TABLE (topic_id integer, trouble integer)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_topic_ids IS NOT NULL THEN
        RETURN QUERY
        SELECT o.id, CASE WHEN c.disabled_at IS NOT NULL THEN 1 WHEN c.paused_at IS NOT NULL THEN 3 ELSE 2 END
          FROM unnest(p_topic_ids) o (id)
         CROSS JOIN LATERAL (SELECT x.* FROM broker.cursors x WHERE x.topic_id = o.id AND NOT x.resting
                              ORDER BY x.cursor LIMIT 5) c
         WHERE c.failing OR c.disabled_at IS NOT NULL OR c.paused_at IS NOT NULL;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT c.topic_id, 2 FROM broker.cursors c
     WHERE c.failing AND c.due_at IS NOT NULL AND c.paused_at IS NULL AND c.disabled_at IS NULL
     ORDER BY c.due_at LIMIT 200;
    RETURN QUERY
    WITH RECURSIVE found AS (
        (SELECT c.topic_id, c.disabled_at, 1 AS nth FROM broker.cursors c
          WHERE c.paused_at IS NOT NULL OR c.disabled_at IS NOT NULL ORDER BY c.topic_id LIMIT 1)
        UNION ALL
        SELECT n.topic_id, n.disabled_at, f.nth + 1
          FROM found f
         CROSS JOIN LATERAL (SELECT c.topic_id, c.disabled_at FROM broker.cursors c
                              WHERE c.topic_id > f.topic_id AND (c.paused_at IS NOT NULL OR c.disabled_at IS NOT NULL)
                              ORDER BY c.topic_id LIMIT 1) n
         WHERE f.nth < 500)
    SELECT f.topic_id, CASE WHEN f.disabled_at IS NOT NULL THEN 1 ELSE 3 END FROM found f;
END
$$;
