-- Lock up to p_limit subscriptions that are due, of one topic or (null) of all; of a topic, the longest due first. Those that
-- another planner has locked are left out. Topics come in random order, so that none waits long behind another. Without
-- p_failing, none that failed last time.
CREATE OR REPLACE FUNCTION broker.due_subscriptions(p_topic_id integer, p_limit integer, p_failing boolean)
RETURNS SETOF uuid
LANGUAGE plpgsql
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_left     integer := p_limit;
    v_found    integer;
    v_topic_id integer;
BEGIN
    FOR v_topic_id IN
        SELECT t.id FROM broker.topics t
         WHERE t.next_due_at <= broker.call_time() AND (p_topic_id IS NULL OR t.id = p_topic_id) ORDER BY random()
    LOOP
        RETURN QUERY
        SELECT s.id
          FROM broker.topics t JOIN broker.subscriptions s ON s.topic_id = t.id
         WHERE t.id = v_topic_id AND t.deleted_at IS NULL AND s.paused_at IS NULL AND s.disabled_at IS NULL
           AND s.due_at <= broker.call_time()
           AND (s.cursor < t.last_seq OR s.redelivery_due_at <= broker.call_time())
           AND (p_failing OR s.failures = 0)
           AND coalesce(s.batch_last_seq, 0) <= t.last_seq  -- the planner that stored it saw more of the log than this snapshot does
         ORDER BY s.due_at LIMIT v_left FOR NO KEY UPDATE OF s SKIP LOCKED;
        GET DIAGNOSTICS v_found = ROW_COUNT;
        v_left := v_left - v_found;
        EXIT WHEN v_left <= 0;
    END LOOP;
END
$$;
