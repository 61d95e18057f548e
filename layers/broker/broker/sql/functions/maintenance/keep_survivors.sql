-- Move up to p_limit messages of a partition that are still needed aside, with their entries in the log. Returns how many: call it
-- until it returns 0.
CREATE OR REPLACE FUNCTION broker.keep_survivors(p_name text, p_limit integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_ids     uuid[];
    v_entries integer;
    v_moved   integer;
BEGIN
    v_ids := ARRAY(SELECT DISTINCT s.message_id FROM partitions p, survivors(p, p_limit) s WHERE p.name = p_name LIMIT p_limit);
    -- by the name of the tables, which may be detached
    EXECUTE format('WITH moved AS (DELETE FROM %I l WHERE l.message_id = ANY ($1) RETURNING l.*)
                    INSERT INTO kept_log SELECT * FROM moved', 'log_' || p_name) USING v_ids;
    GET DIAGNOSTICS v_entries = ROW_COUNT;  -- of some the content was moved before, when they waited
    EXECUTE format('WITH moved AS (DELETE FROM %I m WHERE m.id = ANY ($1) RETURNING m.*)
                    INSERT INTO kept_messages SELECT * FROM moved', 'messages_' || p_name) USING v_ids;
    GET DIAGNOSTICS v_moved = ROW_COUNT;
    RETURN greatest(v_entries, v_moved);
END
$$;
