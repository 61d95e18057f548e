-- Clear up to p_limit idempotency keys that have expired. Returns how many: call it until it returns 0.
CREATE OR REPLACE FUNCTION broker.clear_idempotency_keys(p_limit integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_cleared integer;
BEGIN
    DELETE FROM idempotency_keys
     WHERE ctid = ANY (ARRAY(SELECT k.ctid FROM idempotency_keys k
                              WHERE k.expires_at < call_time()
                              ORDER BY k.expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_cleared = ROW_COUNT;
    RETURN v_cleared;
END
$$;
