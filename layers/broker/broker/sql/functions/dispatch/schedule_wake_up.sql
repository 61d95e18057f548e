-- Note that a delayed wake-up for p_due is pending in SQS (null: nothing is due later), unless an earlier or equal one is.
-- Returns whether the caller must send it.
-- p_arrived: the times of wake-ups that have arrived: the noted one among them is no longer pending.
-- p_sweep: the noted one may be lost. A minute after its time it counts as lost too.
CREATE OR REPLACE FUNCTION broker.schedule_wake_up(p_due timestamptz, p_arrived timestamptz[], p_sweep boolean)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    -- one statement, which takes no lock when it changes nothing; of two at once, the second looks again
    UPDATE wake_up w SET wake_at = p_due
     WHERE w.wake_at > p_due OR w.wake_at = ANY (p_arrived) OR w.wake_at < statement_timestamp() - interval '1 minute'
        OR p_sweep OR (w.wake_at IS NULL AND p_due IS NOT NULL);
    RETURN FOUND AND p_due IS NOT NULL;
END
$$;
