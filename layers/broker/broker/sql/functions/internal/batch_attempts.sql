-- Find the attempts at the batch with p_seq, the oldest first: those of p_epoch from p_from on. Batches go forward within an epoch,
-- and epochs rise, so the first attempt is found by halving the time, unless it is among the first from p_from on. Redeliveries
-- between batches are read past, each once or twice.
CREATE OR REPLACE FUNCTION broker.batch_attempts(p_subscription_id uuid, p_epoch integer, p_seq bigint, p_from timestamptz)
RETURNS SETOF broker.attempts
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    v_low  timestamptz := p_from;
    v_high timestamptz;
    v_at   timestamptz;
    v_next broker.attempts;
BEGIN
    SELECT * INTO v_next FROM broker.attempts a
     WHERE a.subscription_id = p_subscription_id AND a.started_at >= v_low AND a.digest IS NOT NULL
     ORDER BY a.started_at OFFSET 20 LIMIT 1;
    IF (v_next.epoch, v_next.last_seq) < (p_epoch, p_seq) THEN
        v_low := v_next.started_at;
        SELECT a.started_at INTO v_high FROM broker.attempts a
         WHERE a.subscription_id = p_subscription_id ORDER BY a.started_at DESC LIMIT 1;
        WHILE v_high - v_low > interval '1 ms' LOOP
            v_at := v_low + (v_high - v_low) / 2;
            SELECT * INTO v_next FROM broker.attempts a
             WHERE a.subscription_id = p_subscription_id AND a.started_at >= v_at AND a.started_at < v_high AND a.digest IS NOT NULL
             ORDER BY a.started_at LIMIT 1;
            IF (v_next.epoch, v_next.last_seq) < (p_epoch, p_seq) THEN
                v_low := v_next.started_at;
            ELSE  -- later, or there is none
                v_high := v_at;
            END IF;
        END LOOP;
    END IF;
    FOR v_next IN
        SELECT * FROM broker.attempts a
         WHERE a.subscription_id = p_subscription_id AND a.started_at >= v_low AND a.digest IS NOT NULL ORDER BY a.started_at
    LOOP
        EXIT WHEN (v_next.epoch, v_next.first_seq) > (p_epoch, p_seq);
        IF v_next.epoch = p_epoch AND v_next.last_seq >= p_seq THEN
            RETURN NEXT v_next;
        END IF;
    END LOOP;
END
$$;
