-- Clear what was moved aside and is no longer needed, of up to p_limit messages from p_after on: their content, and their entries in
-- the log. Returns the last message that was looked at; null: there are no more.
CREATE OR REPLACE FUNCTION broker.clear_kept(p_after uuid, p_limit integer)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_ids  uuid[];
    v_gone uuid[];
BEGIN
    v_ids := ARRAY(SELECT k.id FROM kept_messages k
                    WHERE k.id > coalesce(p_after, '00000000-0000-0000-0000-000000000000') ORDER BY k.id LIMIT p_limit);
    v_gone := ARRAY(
        SELECT i.id FROM unnest(v_ids) i (id)
         WHERE NOT EXISTS (SELECT FROM queue q WHERE q.message_id = ANY (ARRAY[i.id]))
           AND NOT EXISTS (SELECT FROM redeliveries r WHERE r.message_id = ANY (ARRAY[i.id]) AND r.deleted_at IS NULL)
           AND NOT EXISTS (SELECT FROM kept_log l WHERE l.message_id = ANY (ARRAY[i.id]) AND l.seq > slowest_cursor(l.topic_id)));
    DELETE FROM kept_log l WHERE l.message_id = ANY (v_gone);
    DELETE FROM redeliveries r WHERE r.message_id = ANY (v_gone);
    DELETE FROM kept_messages k WHERE k.id = ANY (v_gone);
    RETURN v_ids[cardinality(v_ids)];
END
$$;
