-- Complete the DETACH of a partition from a table of the ring if one was interrupted. Returns whether it is attached.
CREATE OR REPLACE FUNCTION broker.finalize_detach(p_ring text, p_name text)
RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_table   text := p_ring || '_' || p_name;
    v_pending boolean;
BEGIN
    SELECT i.inhdetachpending INTO v_pending FROM pg_inherits i WHERE i.inhrelid = to_regclass(format('broker.%I', v_table));
    IF v_pending THEN
        EXECUTE format('ALTER TABLE broker.%I DETACH PARTITION broker.%I FINALIZE', p_ring, v_table);
    END IF;
    RETURN coalesce(NOT v_pending, false);
END
$$;
