-- Return when an attempt is stored to have started: p_started_at, or, when no partition is for that time, because Deliver's clock is
-- wrong, or the outcome came after weeks, the time of the call.
CREATE OR REPLACE FUNCTION broker.storable_time(p_started_at timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN EXISTS (SELECT FROM broker.partitions p
                              WHERE p.attached AND p.begins_at <= p_started_at AND p.ends_at > p_started_at)
                THEN p_started_at ELSE broker.call_time() END;
END
$$;
