-- Delete dead letters, as list_dead_letters finds them, with their content; what a subscription refused stays in the log. At
-- most 10,000 a call: call again with next as p_after until it is null. With p_dry_run they are only counted. Raises MB404.
CREATE OR REPLACE FUNCTION broker.delete_dead_letters(
    p_topic text, p_filter json, p_dry_run boolean, p_after text DEFAULT NULL)
RETURNS TABLE (matched integer, changed integer, next text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic        topics := find_topic(p_topic);
    v_subscription uuid := (p_filter ->> 'subscription')::uuid;
    v_ids          uuid[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    changed := 0;
    -- record_attempts takes the same lock before it changes redeliveries
    PERFORM FROM cursors c WHERE c.subscription_id = v_subscription FOR NO KEY UPDATE;
    SELECT f.ids, f.next INTO v_ids, next FROM select_dead_letters(v_topic.id, p_filter, p_after, 10000) f;
    matched := cardinality(v_ids);
    IF NOT p_dry_run AND v_subscription IS NOT NULL THEN
        -- marked, not removed: the message was not delivered, and trace_message says so as long as it is kept
        UPDATE redeliveries r SET deleted_at = call_time()
         WHERE r.subscription_id = v_subscription AND r.message_id = ANY (v_ids) AND r.died_at IS NOT NULL AND r.deleted_at IS NULL;
        GET DIAGNOSTICS changed = ROW_COUNT;
    ELSIF NOT p_dry_run THEN
        v_ids := lock_dead_letters(v_ids);
        DELETE FROM messages m WHERE m.id = ANY (v_ids);
        DELETE FROM kept_messages m WHERE m.id = ANY (v_ids);
        DELETE FROM queue q WHERE q.message_id = ANY (v_ids);
        GET DIAGNOSTICS changed = ROW_COUNT;
    END IF;
    RETURN NEXT;
END
$$;
