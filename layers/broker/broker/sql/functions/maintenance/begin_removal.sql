-- Begin the removal of a partition: publish does not use it from now on. Completes a DETACH that was interrupted. Returns the
-- tables to DETACH CONCURRENTLY, which no function can do. finish_removal comes next in any case.
CREATE OR REPLACE FUNCTION broker.begin_removal(p_name text)
RETURNS TABLE (ring text, partition text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    UPDATE partitions p SET attached = false WHERE p.name = p_name AND p.attached;
    FOREACH ring IN ARRAY rings() LOOP
        IF finalize_detach(ring, p_name) THEN
            partition := ring || '_' || p_name;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
