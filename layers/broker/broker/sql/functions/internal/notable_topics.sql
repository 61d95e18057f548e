-- Choose up to p_limit topics to look at first: in turns those with a subscription in trouble, dead letters, the oldest ready
-- message, most messages published lately (p_busy, the busiest first), and most messages; then by name (p_named).
-- p_own: only of these; null: of all. p_failed: topics with attempts that failed lately.
CREATE OR REPLACE FUNCTION broker.notable_topics(
    p_own integer[], p_likes text[], p_failed integer[], p_busy integer[], p_named integer[], p_limit integer)
RETURNS integer[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        WITH found AS MATERIALIZED (
            (SELECT s.topic_id AS id, 1 AS source, row_number() OVER (ORDER BY min(s.trouble), s.topic_id) AS nth
               FROM (SELECT w.topic_id, w.trouble FROM broker.troubled_topics(p_own) w
                     UNION ALL SELECT u, 2 FROM unnest(p_failed) u) s
              GROUP BY s.topic_id)
            UNION ALL
            SELECT d.topic_id, 2, row_number() OVER (ORDER BY d.died_at DESC, d.topic_id) FROM broker.dead_topics(p_own) d
            UNION ALL
            SELECT w.topic_id, 3, row_number() OVER (ORDER BY w.ready_at, w.topic_id) FROM broker.waiting_topics(p_own) w
            UNION ALL
            SELECT u.id, 4, u.nth FROM unnest(p_busy[:500]) WITH ORDINALITY u (id, nth)
            UNION ALL
            SELECT l.topic_id, 5, l.nth FROM broker.largest_topics() l
            UNION ALL
            SELECT u.id, 6, 1000 + u.nth FROM unnest(p_named[:p_limit]) WITH ORDINALITY u (id, nth))
        SELECT f.id
          FROM found f
         WHERE f.id IN (SELECT unnest(broker.live_topics(ARRAY(SELECT o.id FROM found o), p_likes))) IS TRUE
         GROUP BY f.id
         ORDER BY min(f.nth), min(f.source)
         LIMIT p_limit);
END
$$;
