-- Find the last attempt at a batch with p_seq, of those that were made from p_from on, at or after the message's broadcast; or the
-- last that was made for the message alone. No row when there was none. It is among the first attempts, unless the subscription was
-- far behind: then the first one at p_seq is found by halving the time, because batches go forward.
CREATE OR REPLACE FUNCTION broker.last_attempt(p_subscription_id uuid, p_message_id uuid, p_seq bigint, p_from timestamptz)
RETURNS SETOF broker.attempts
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_low  timestamptz := p_from;
    v_high timestamptz := clock_timestamp() + interval '1 day';  -- Deliver's clock may be ahead
    v_at   timestamptz;
    v_next broker.attempts;
BEGIN
    SELECT * INTO v_next FROM broker.attempts a
     WHERE a.subscription_id = p_subscription_id AND a.started_at >= v_low AND a.digest IS NOT NULL
     ORDER BY a.started_at OFFSET 20 LIMIT 1;
    WHILE v_next.last_seq < p_seq AND v_high - v_low > interval '1 ms' LOOP
        v_at := v_low + (v_high - v_low) / 2;
        SELECT * INTO v_next FROM broker.attempts a
         WHERE a.subscription_id = p_subscription_id AND a.started_at >= v_at AND a.started_at < v_high AND a.digest IS NOT NULL
         ORDER BY a.started_at LIMIT 1;
        IF v_next.last_seq < p_seq THEN
            v_low := v_next.started_at + interval '1 microsecond';
        ELSE
            v_high := v_at;
            v_next.last_seq := 0;  -- go on
        END IF;
    END LOOP;
    RETURN QUERY
    SELECT w.*
      FROM (SELECT a.* FROM broker.attempts a
             WHERE a.subscription_id = p_subscription_id AND a.started_at >= v_low ORDER BY a.started_at LIMIT 100) w
     WHERE w.first_seq <= p_seq AND w.last_seq >= p_seq AND (w.digest IS NOT NULL OR w.message_id = p_message_id)
     ORDER BY w.started_at DESC LIMIT 1;
END
$$;
