-- Begin the removal of a partition: publish does not use it from now on. Completes a DETACH that was interrupted. Returns
-- whether to DETACH it CONCURRENTLY, which no function can do: it is attached, and not needed. finish_removal comes next in
-- any case.
CREATE OR REPLACE FUNCTION broker.begin_removal(p_name text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    UPDATE partitions p SET attached = false WHERE p.name = p_name AND p.attached;
    RETURN finalize_detach(p_name) AND (SELECT partition_holds(p) IS NULL FROM partitions p WHERE p.name = p_name);
END
$$;
