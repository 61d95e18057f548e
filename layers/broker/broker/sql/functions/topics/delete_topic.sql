-- Delete a topic. Its name is free at once; maintenance clears what it leaves behind. Raises MB404. Raises MB409 while
-- messages wait in it or a subscription exists, unless p_force. Raises MB423 when another transaction uses the topic, after
-- 200 ms at most: publishers wait behind this call for as long.
CREATE OR REPLACE FUNCTION broker.delete_topic(p_topic text, p_force boolean)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '90ms'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_topic         topics := find_topic(p_topic);
    v_subscriptions integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    BEGIN
        -- Publishers hold this lock, shared, until they commit, so every message that was reported as stored is seen below.
        -- It is the first lock here, as in a transaction that publishes and then broadcasts.
        PERFORM pg_advisory_xact_lock(hashtext('broker.topics'), v_topic.id % 1024);
        SELECT s.subscriptions INTO v_subscriptions FROM topic_states s WHERE s.topic_id = v_topic.id FOR UPDATE;
        PERFORM FROM topics t WHERE t.id = v_topic.id FOR UPDATE;
    EXCEPTION WHEN lock_not_available THEN
        RAISE EXCEPTION 'another transaction uses the topic "%"', p_topic
              USING ERRCODE = 'MB423', HINT = 'repeat the request in a second';
    END;
    IF NOT p_force AND EXISTS (SELECT FROM queue q WHERE q.topic_id = v_topic.id AND q.died_at IS NULL LIMIT 1) THEN
        RAISE EXCEPTION 'messages wait in the topic "%"', p_topic
              USING ERRCODE = 'MB409', HINT = 'force=true deletes it anyway';
    ELSIF NOT p_force AND v_subscriptions > 0 THEN
        RAISE EXCEPTION 'the topic "%" has subscriptions', p_topic
              USING ERRCODE = 'MB409', HINT = 'force=true deletes it anyway';
    END IF;
    UPDATE topics t SET deleted_at = call_time() WHERE t.id = v_topic.id AND t.deleted_at IS NULL;
END
$$;
