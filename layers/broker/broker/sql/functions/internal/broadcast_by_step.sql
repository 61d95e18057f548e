-- Count the messages of a topic that were broadcast in each step. p_bounds: the beginning of each step, and the end of the last.
CREATE OR REPLACE FUNCTION broker.broadcast_by_step(p_topic_id integer, p_bounds timestamptz[])
RETURNS TABLE (nth integer, broadcast bigint)
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
BEGIN
    RETURN QUERY
    WITH bounds AS MATERIALIZED (
        -- of some, and never lower: a broadcast that waited for another one has the earlier time, and the higher seq
        SELECT u.nth, max(coalesce(s.first_seq - 1, h.last_seq)) OVER (ORDER BY u.nth) AS seq
          FROM broker.topic_states h, unnest(p_bounds) WITH ORDINALITY u (at, nth)
         CROSS JOIN LATERAL (SELECT min(n.first_seq) AS first_seq
                               FROM (SELECT l.first_seq FROM broker.log_spans l
                                      WHERE l.topic_id = p_topic_id AND l.broadcast_at >= u.at
                                      ORDER BY l.broadcast_at, l.first_seq LIMIT 10) n) s
         WHERE h.topic_id = p_topic_id
    )
    SELECT c.nth::integer, c.after - c.seq
      FROM (SELECT b.nth, b.seq, lead(b.seq) OVER (ORDER BY b.nth) AS after FROM bounds b) c
     WHERE c.after IS NOT NULL;
END
$$;
