-- Clear up to p_limit tokens that ended more than 30 days ago. Returns how many: call it until it returns 0.
CREATE OR REPLACE FUNCTION broker.clear_tokens(p_limit integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    v_cleared integer;
BEGIN
    -- without an index: the table is small, and this is once a day
    DELETE FROM tokens
     WHERE id = ANY (ARRAY(SELECT t.id FROM tokens t WHERE t.expires_at < call_time() - interval '30 days' LIMIT p_limit));
    GET DIAGNOSTICS v_cleared = ROW_COUNT;
    RETURN v_cleared;
END
$$;
