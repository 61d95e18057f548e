-- Finish the removal of a partition whose tables are detached: move aside what has been needed since its removal began, drop it,
-- and return null; or attach it as it was and say why. A transaction that was open then may have published into it.
CREATE OR REPLACE FUNCTION broker.finish_removal(p_name text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s'
-- by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_ring     text;
    v_detached boolean := true;
    v_kept     integer;
    v_why      text;
BEGIN
    PERFORM FROM ring FOR UPDATE;  -- publish too may attach it, when the clock is set back
    FOREACH v_ring IN ARRAY rings() LOOP
        v_detached := NOT finalize_detach(v_ring, p_name) AND v_detached;
    END LOOP;
    SELECT CASE WHEN NOT v_detached THEN 'its tables were not all detached'
                WHEN p.ends_at > call_time() - r.retention THEN 'its messages are within the retention'
                WHEN EXISTS (SELECT FROM survivors(p, 1000) s OFFSET 999) THEN 'its messages were needed until now' END
      INTO v_why FROM partitions p, ring r WHERE p.name = p_name;
    IF v_why IS NOT NULL THEN
        PERFORM attach_partition(p_name);
        RETURN v_why;
    END IF;
    IF EXISTS (SELECT FROM partitions p WHERE p.name = p_name) AND to_regclass(format('%I', 'messages_' || p_name)) IS NOT NULL THEN
        LOOP
            v_kept := keep_survivors(p_name, 1000);
            EXIT WHEN v_kept = 0;
        END LOOP;
    END IF;
    FOREACH v_ring IN ARRAY rings() LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I', v_ring || '_' || p_name);
    END LOOP;
    -- what is left of the dead letters that were deleted
    DELETE FROM redeliveries r USING partitions p
     WHERE p.name = p_name AND r.message_id >= first_uuid(p.begins_at) AND r.message_id < first_uuid(p.ends_at)
       AND r.deleted_at IS NOT NULL;
    DELETE FROM partitions p WHERE p.name = p_name;
    RETURN NULL;
END
$$;
