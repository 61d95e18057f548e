-- Find what has an id: a message, or a subscription, and the topic that it is in. No row when nothing has it.
CREATE OR REPLACE FUNCTION broker.find_id(p_id uuid)
RETURNS TABLE (id uuid, kind text, topic text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    RETURN QUERY
    SELECT p_id, f.kind, t.name
      FROM (SELECT 'message' AS kind, m.topic_id FROM contents m WHERE m.id = p_id
            UNION ALL
            SELECT 'subscription', s.topic_id FROM subscriptions s WHERE s.id = p_id
            LIMIT 1) f, topics t
     WHERE t.id = ANY (ARRAY[f.topic_id]) AND t.deleted_at IS NULL;
END
$$;
