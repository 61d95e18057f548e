-- Lock up to p_limit subscriptions that are due, the longest due first, of one topic or (null) of all; those that another
-- planner has locked are left out. Without p_failing, none that failed last time.
CREATE OR REPLACE FUNCTION broker.due_subscriptions(p_topic text, p_limit integer, p_failing boolean)
RETURNS SETOF uuid
LANGUAGE plpgsql
-- planned at each call, and that is why it stands alone: of one topic it reads the index in its order, and stops
SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic_id integer;
BEGIN
    IF p_topic IS NOT NULL THEN
        SELECT t.id INTO v_topic_id FROM broker.topics t WHERE t.name = p_topic AND t.deleted_at IS NULL;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY
    SELECT s.id
      FROM broker.topics t JOIN broker.subscriptions s ON s.topic_id = t.id
     WHERE t.deleted_at IS NULL AND (v_topic_id IS NULL OR s.topic_id = v_topic_id)
       AND s.paused_at IS NULL AND s.disabled_at IS NULL
       AND s.due_at <= statement_timestamp()
       AND (s.cursor < t.last_seq OR s.redelivery_due_at <= statement_timestamp())
       AND (p_failing OR s.failures = 0)
       AND coalesce(s.batch_last_seq, 0) <= t.last_seq  -- its planner saw more of the log than this snapshot does
     ORDER BY s.due_at LIMIT greatest(p_limit, 0)
       FOR NO KEY UPDATE OF s SKIP LOCKED;
END
$$;
