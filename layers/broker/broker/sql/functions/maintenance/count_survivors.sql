-- Count the messages of a partition that are still needed, by topic, subscription and reason: what waits or is dead in a queue, and
-- what a subscription has not got, has refused, or has as a dead letter. No more are counted than may be moved aside, and one.
-- too_many: so the partition stays.
CREATE OR REPLACE FUNCTION broker.count_survivors(p_name text)
RETURNS TABLE (topic text, subscription_id uuid, why text, messages bigint, too_many boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_limit bigint := may_keep(p_name);
BEGIN
    RETURN QUERY
    SELECT t.name, s.subscription_id, s.why, count(*), sum(count(*)) OVER () > v_limit
      FROM partitions p, survivors(p, v_limit + 1) s LEFT JOIN topics t ON t.id = s.topic_id
     WHERE p.name = p_name
     GROUP BY t.name, s.subscription_id, s.why
     ORDER BY count(*) DESC;
END
$$;
