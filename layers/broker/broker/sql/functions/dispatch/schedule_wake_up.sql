-- Note that a delayed wake-up for p_due is pending in SQS (null: nothing is due later), unless an earlier or equal one is.
-- Returns whether the caller must send it.
-- p_arrived: the times of wake-ups that have arrived: they are no longer pending.
-- p_sweep: all may be lost. A minute after its time each one counts as lost too.
CREATE OR REPLACE FUNCTION broker.schedule_wake_up(p_due timestamptz, p_arrived timestamptz[], p_sweep boolean)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    v_pending timestamptz[];
    v_changed timestamptz[];
    v_to_send boolean;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    LOOP
        -- read without a lock: most calls change nothing. Of two that change at once, the second looks again
        SELECT w.pending INTO v_pending FROM wake_up w;
        v_changed := ARRAY(SELECT t FROM unnest(v_pending) t
                            WHERE NOT p_sweep AND t <> ALL (p_arrived) AND t >= call_time() - interval '1 minute');
        v_to_send := p_due IS NOT NULL AND NOT EXISTS (SELECT FROM unnest(v_changed) t WHERE t <= p_due);
        IF v_to_send THEN
            v_changed := v_changed || p_due;
        END IF;
        EXIT WHEN v_changed = v_pending;
        UPDATE wake_up w SET pending = v_changed WHERE w.pending = v_pending;
        EXIT WHEN FOUND;
    END LOOP;
    RETURN v_to_send;
END
$$;
