-- List topics by name, after p_after, with their settings and how many messages wait in each.
-- p_patterns: names, or prefixes that end with *; a topic must match one of them.
-- p_search: only topics that have it in their name, in capitals or not. A call stops after reading 10,000 names: then the last row
-- has nothing but next, which the next page comes after.
-- waiting is exact up to 100; above, estimate comes from the planner's statistics.
CREATE OR REPLACE FUNCTION broker.list_topics(p_patterns text[], p_after text, p_limit integer, p_search text DEFAULT NULL)
RETURNS TABLE (name text, broadcast text, lease_seconds integer, max_receives integer, dead_days integer, last_seq bigint,
               created_at timestamptz, updated_at timestamptz, waiting bigint, exact boolean, estimate bigint,
               next text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_names record := topic_names(p_patterns, p_after, p_limit, p_search);
BEGIN
    RETURN QUERY
    WITH listed AS MATERIALIZED (
        SELECT t.* FROM topics t WHERE t.name = ANY (v_names.names) AND t.deleted_at IS NULL
    ), known AS MATERIALIZED (
        SELECT c.reltuples AS rows, s.most_common_vals::text::integer[] AS topics, s.most_common_freqs AS shares,
               -- n_distinct below 0 is a share of the rows
               greatest(CASE WHEN s.n_distinct < 0 THEN -s.n_distinct * c.reltuples ELSE s.n_distinct END, 1) AS distinct_topics
          FROM pg_class c, pg_stats s
         WHERE c.oid = 'queue_ready'::regclass
           AND s.schemaname = 'broker' AND s.tablename = 'queue' AND s.attname = 'topic_id'
    )
    SELECT l.name, l.broadcast, l.lease_seconds, l.max_receives, l.dead_days, h.last_seq, l.created_at, l.updated_at,
           least(w.counted, 100), w.counted <= 100,
           CASE WHEN w.counted <= 100 THEN w.counted ELSE greatest(w.counted, (k.rows * coalesce(
               k.shares[array_position(k.topics, l.id)],
               (1 - coalesce((SELECT sum(share) FROM unnest(k.shares) share), 0))
               / greatest(k.distinct_topics - coalesce(cardinality(k.topics), 0), 1)))::bigint) END, NULL
      FROM listed l
      JOIN topic_states h ON h.topic_id = ANY (ARRAY[l.id])
      CROSS JOIN LATERAL (SELECT count(*) AS counted FROM (SELECT FROM queue q WHERE q.topic_id = l.id AND q.died_at IS NULL
                                                        LIMIT 101) seen) w
      LEFT JOIN known k ON true
     ORDER BY l.name;
    IF v_names.next IS NOT NULL THEN
        next := v_names.next;
        RETURN NEXT;
    END IF;
END
$$;
