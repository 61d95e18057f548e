-- Redrive dead letters, as list_dead_letters finds them. Those of the queue return to it with their ids and as many receives
-- more as the topic allows: receives itself never falls, or an old receipt would fit a new lease. Those of a subscription
-- become redeliveries with all attempts. At most 10,000 a call: call again with next as p_after until it is null. With
-- p_dry_run they are only counted.
-- due: those of a subscription, or of an auto topic, are sent again. So it is when nothing changed: an earlier call may have
-- failed before it notified Dispatch. Never with p_dry_run. Raises MB404.
CREATE OR REPLACE FUNCTION broker.redrive(
    p_topic text, p_filter json, p_delay_seconds integer, p_dry_run boolean, p_after text DEFAULT NULL)
RETURNS TABLE (matched integer, changed integer, next text, due boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic        topics := find_topic(p_topic);
    v_subscription uuid := (p_filter ->> 'subscription')::uuid;
    v_due_at       timestamptz := call_time() + make_interval(secs => p_delay_seconds);
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
        UPDATE redeliveries r SET died_at = NULL, failures = 0, due_at = v_due_at
         WHERE r.subscription_id = v_subscription AND r.message_id = ANY (v_ids) AND r.died_at IS NOT NULL AND r.deleted_at IS NULL;
        GET DIAGNOSTICS changed = ROW_COUNT;
        UPDATE cursors c SET redelivery_due_at = least(c.redelivery_due_at, v_due_at)
         WHERE c.subscription_id = v_subscription AND changed > 0;
    ELSIF NOT p_dry_run THEN
        v_ids := lock_dead_letters(v_ids);
        UPDATE queue q
           SET died_at = NULL, reason = NULL, leased_at = NULL, max_receives = q.receives + v_topic.max_receives,
               ready_at = v_due_at
         WHERE q.message_id = ANY (v_ids);
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed > 0 AND v_topic.broadcast = 'auto' THEN
            PERFORM lower_next_due(v_topic.id, v_due_at);
        END IF;
    END IF;
    -- read again: since then it may have become an auto topic
    due := NOT p_dry_run AND (v_subscription IS NOT NULL
                              OR EXISTS (SELECT FROM topics t WHERE t.id = v_topic.id AND t.broadcast = 'auto'));
    RETURN NEXT;
END
$$;
