-- Note that a delayed wake-up for p_due (null: nothing is owed) will be under way, unless one is already that comes no
-- later. Returns whether the caller is to send it. p_came are the times of wake-ups that have come: the one noted is then
-- under way no more. Nor is it a minute after its time, or when p_afresh says that it may be lost.
CREATE OR REPLACE FUNCTION broker.schedule_wake_up(p_due timestamptz, p_came timestamptz[], p_afresh boolean)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    -- one statement, that takes no lock when it changes nothing; of two at once, the second looks again
    UPDATE wake_up w SET wake_at = p_due
     WHERE w.wake_at > p_due OR w.wake_at = ANY (p_came) OR w.wake_at < statement_timestamp() - interval '1 minute'
        OR p_afresh OR (w.wake_at IS NULL AND p_due IS NOT NULL);
    RETURN FOUND AND p_due IS NOT NULL;
END
$$;
