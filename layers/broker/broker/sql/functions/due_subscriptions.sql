-- Lock up to p_limit subscriptions that are due, the longest due first, of one topic or (null) of all; those that another
-- planner has locked are left out. Without p_failing, none that failed last time.
CREATE OR REPLACE FUNCTION broker.due_subscriptions(p_topic_id integer, p_limit integer, p_failing boolean)
RETURNS SETOF uuid
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    IF p_topic_id IS NULL THEN
        RETURN QUERY
        SELECT s.id
          FROM broker.topics t JOIN broker.subscriptions s ON s.topic_id = t.id
         WHERE broker.is_due(s, t, p_failing)
         ORDER BY s.due_at LIMIT greatest(p_limit, 0) FOR NO KEY UPDATE OF s SKIP LOCKED;
    ELSE  -- a statement of its own: it reads the index in its order, and stops
        RETURN QUERY
        SELECT s.id
          FROM broker.topics t JOIN broker.subscriptions s ON s.topic_id = t.id
         WHERE t.id = p_topic_id AND broker.is_due(s, t, p_failing)
         ORDER BY s.due_at LIMIT greatest(p_limit, 0) FOR NO KEY UPDATE OF s SKIP LOCKED;
    END IF;
END
$$;
