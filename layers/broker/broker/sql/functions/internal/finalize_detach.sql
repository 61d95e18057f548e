-- Complete the DETACH of a partition if one was interrupted. Returns whether its table is attached.
CREATE OR REPLACE FUNCTION broker.finalize_detach(p_name text)
RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_pending boolean;
BEGIN
    SELECT i.inhdetachpending INTO v_pending FROM pg_inherits i WHERE i.inhrelid = to_regclass(format('broker.%I', p_name));
    IF v_pending THEN
        EXECUTE format('ALTER TABLE broker.messages DETACH PARTITION broker.%I FINALIZE', p_name);
    END IF;
    RETURN coalesce(NOT v_pending, false);
END
$$;
