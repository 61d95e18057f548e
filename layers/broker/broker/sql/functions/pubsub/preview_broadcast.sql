-- Count what a broadcast of a topic would move now, and change nothing: messages up to 10,000 of what is ready; remaining is above 0
-- when there is more. Messages whose receives are exhausted are not counted: a broadcast makes them dead letters. Raises MB404.
CREATE OR REPLACE FUNCTION broker.preview_broadcast(p_topic text)
RETURNS TABLE (messages integer, subscriptions integer, last_seq bigint, remaining integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
    v_ready integer := 0;
BEGIN
    SELECT s.subscriptions, s.last_seq INTO subscriptions, last_seq FROM topic_states s WHERE s.topic_id = v_topic.id;
    IF subscriptions > 0 THEN
        SELECT count(*) FILTER (WHERE (r.receives >= r.max_receives) IS NOT TRUE) INTO v_ready
          FROM (SELECT q.receives, q.max_receives FROM queue q
                 WHERE q.topic_id = v_topic.id AND q.died_at IS NULL AND q.ready_at <= call_time()
                 LIMIT 10001) r;
    END IF;
    messages := least(v_ready, 10000);
    remaining := v_ready - messages;
    RETURN NEXT;
END
$$;
