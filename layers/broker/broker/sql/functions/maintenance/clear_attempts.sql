-- Clear up to p_limit attempts that are past the retention, the oldest first. Returns how many: call it until it returns 0.
CREATE OR REPLACE FUNCTION broker.clear_attempts(p_limit integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s' AS $$
DECLARE
    v_cleared integer;
BEGIN
    DELETE FROM attempts a
     USING ring r
     WHERE a.id IN (SELECT o.id FROM attempts o ORDER BY o.id LIMIT p_limit)
       AND a.started_at < call_time() - r.retention;
    GET DIAGNOSTICS v_cleared = ROW_COUNT;
    RETURN v_cleared;
END
$$;
