-- Return when the last of the leases that are running now ends; null when none is running. A job that was lost is due by then.
CREATE OR REPLACE FUNCTION broker.last_lease_end()
RETURNS timestamptz
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
BEGIN
    RETURN (SELECT max(d.ends_at) FROM deliveries d WHERE d.ends_at > call_time());
END
$$;
