-- Change the settings of a subscription that p_changes names: name, url, headers, batch_size, retry_schedule (null: the
-- broker's own), ordered, rate_per_second (null: no limit), backlog_days, paused, disabled (false).
-- One that is resumed, or enabled, is due at once and has all attempts again. So it is with one that waits, and is resumed though
-- it is not paused. So it is with a new url; the response of the old one to a request that is under way then no longer counts.
-- Returns whether something may be due now: it is when the call resumes, enables or moves the subscription. So it is when that
-- changes nothing: an earlier call may have failed before it notified Dispatch. Null when the topic has no such subscription.
-- Raises MB404 for the topic, MB409 when another one has the name.
CREATE OR REPLACE FUNCTION broker.change_subscription(p_topic text, p_id uuid, p_changes jsonb)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_topic          topics := find_topic(p_topic);
    v_row            subscriptions;
    v_cursor         cursors;
    v_resumes        boolean;
    v_enables        boolean;
    v_moves          boolean;
    v_batch_last_seq bigint;  -- of the batch that was under way to the old url
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    PERFORM FROM topic_states t WHERE t.topic_id = v_topic.id FOR NO KEY UPDATE;  -- names are taken under this lock
    IF EXISTS (SELECT FROM subscriptions s
                WHERE s.topic_id = v_topic.id AND s.id <> p_id AND s.name = p_changes ->> 'name') THEN
        RAISE EXCEPTION 'another subscription has the name "%"', p_changes ->> 'name' USING ERRCODE = 'MB409';
    END IF;
    SELECT * INTO v_row FROM subscriptions s WHERE s.topic_id = v_topic.id AND s.id = p_id FOR NO KEY UPDATE;
    v_moves := v_row.url <> (p_changes ->> 'url');
    -- What the old url responds to the request under way no longer counts: before its cursor, as record_attempts locks them; and
    -- after it what was planned since
    IF v_moves THEN
        DELETE FROM deliveries d WHERE d.subscription_id = p_id RETURNING d.last_seq INTO v_batch_last_seq;
    END IF;
    SELECT * INTO v_cursor FROM cursors c WHERE c.subscription_id = v_row.id FOR NO KEY UPDATE;
    IF v_moves THEN
        DELETE FROM deliveries d WHERE d.subscription_id = p_id;
    END IF;
    v_resumes := (p_changes ->> 'paused')::boolean IS false
                 AND (v_cursor.paused_at IS NOT NULL OR subscription_state(v_cursor) = 'waiting');
    v_enables := v_cursor.disabled_at IS NOT NULL AND (p_changes ->> 'disabled')::boolean IS false;
    UPDATE subscriptions s
       SET name = coalesce(p_changes ->> 'name', s.name),
           url = coalesce(p_changes ->> 'url', s.url),
           headers = coalesce((p_changes -> 'headers')::json, s.headers),
           batch_size = coalesce((p_changes ->> 'batch_size')::integer, s.batch_size),
           retry_schedule = CASE WHEN p_changes ? 'retry_schedule' THEN integer_array(p_changes -> 'retry_schedule')
                                 ELSE s.retry_schedule END,
           ordered = coalesce((p_changes ->> 'ordered')::boolean, s.ordered),
           rate_per_second = CASE WHEN p_changes ? 'rate_per_second' THEN (p_changes ->> 'rate_per_second')::integer
                                  ELSE s.rate_per_second END,
           backlog_days = coalesce((p_changes ->> 'backlog_days')::integer, s.backlog_days),
           updated_at = call_time()
     WHERE s.id = v_row.id;
    UPDATE cursors c
       SET paused_at = CASE WHEN v_resumes THEN NULL
                            WHEN (p_changes ->> 'paused')::boolean THEN coalesce(c.paused_at, call_time())
                            ELSE c.paused_at END,
           disabled_at = CASE WHEN NOT v_enables THEN c.disabled_at END,
           disabled_reason = CASE WHEN NOT v_enables THEN c.disabled_reason END,
           failures = CASE WHEN v_resumes OR v_enables OR v_moves THEN 0 ELSE c.failures END,
           batch_last_seq = coalesce(c.batch_last_seq, CASE WHEN c.cursor < v_batch_last_seq THEN v_batch_last_seq END),
           due_at = CASE WHEN v_resumes OR v_enables OR v_moves THEN call_time() ELSE c.due_at END
     WHERE c.subscription_id = v_row.id
       AND (v_resumes OR v_enables OR v_moves OR (p_changes ->> 'paused')::boolean AND c.paused_at IS NULL);
    RETURN CASE WHEN v_row.id IS NOT NULL
                THEN (p_changes ->> 'paused')::boolean IS false OR (p_changes ->> 'disabled')::boolean IS false
                     OR p_changes ? 'url' END;
END
$$;
