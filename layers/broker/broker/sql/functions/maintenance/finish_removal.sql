-- Finish the removal of a partition: drop it and return null, or attach it as it was and say why. Whether its messages are
-- needed is asked again: a transaction that was open when its removal began may have published into it.
CREATE OR REPLACE FUNCTION broker.finish_removal(p_name text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    v_attached boolean;
    v_holds    text;
BEGIN
    PERFORM FROM ring FOR UPDATE;  -- publish too may attach it, when the clock is set back
    v_attached := finalize_detach(p_name);
    v_holds := (SELECT partition_holds(p) FROM partitions p WHERE p.name = p_name);
    IF v_holds IS NULL AND NOT v_attached THEN
        EXECUTE format('DROP TABLE IF EXISTS %I', p_name);
        DELETE FROM partitions p WHERE p.name = p_name;
        RETURN NULL;
    END IF;
    PERFORM attach_partition(p_name);
    RETURN coalesce(v_holds, 'its messages were needed until now');
END
$$;
