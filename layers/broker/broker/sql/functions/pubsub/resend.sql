-- Send a message of a topic's log once more to one of its subscriptions, whatever became of it there: as a redelivery with all its
-- attempts, under a webhook_id of its own, because receivers drop those that they know. One that waits to be sent again already
-- is due now, and keeps its webhook_id and its attempts. seq: its position in the log. due_at: null while the subscription is
-- paused. Raises MB404 for the topic, the subscription, and a message that is not in the log; MB409 when the subscription is
-- disabled, or has not been sent the message yet.
CREATE OR REPLACE FUNCTION broker.resend(p_topic text, p_id uuid, p_subscription_id uuid)
RETURNS TABLE (webhook_id text, seq bigint, due_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_topic  topics := find_topic(p_topic);
    v_cursor cursors;
    v_row    redeliveries;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    PERFORM FROM subscriptions s WHERE s.id = p_subscription_id AND s.topic_id = v_topic.id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the topic has no such subscription' USING ERRCODE = 'MB404';
    END IF;
    -- record_attempts takes the same lock before it changes redeliveries
    SELECT * INTO v_cursor FROM cursors c WHERE c.subscription_id = p_subscription_id FOR NO KEY UPDATE;
    -- Locked: maintenance waits before it moves the entry aside or clears it, and then sees that it is needed.
    SELECT l.seq INTO seq FROM log l WHERE l.message_id = p_id AND l.topic_id = v_topic.id FOR KEY SHARE;
    IF NOT FOUND THEN
        SELECT l.seq INTO seq FROM kept_log l WHERE l.message_id = p_id AND l.topic_id = v_topic.id FOR KEY SHARE;
    END IF;
    IF seq IS NULL OR NOT EXISTS (SELECT FROM contents m WHERE m.id = p_id) THEN
        RAISE EXCEPTION 'the message is not in the log of the topic' USING ERRCODE = 'MB404',
              HINT = 'it waits, it was consumed, or it is older than the retention';
    ELSIF v_cursor.disabled_at IS NOT NULL THEN
        RAISE EXCEPTION 'the subscription is disabled: %', v_cursor.disabled_reason USING ERRCODE = 'MB409', HINT = 'enable it first';
    ELSIF seq > v_cursor.cursor THEN
        RAISE EXCEPTION 'the subscription has not got to the message yet' USING ERRCODE = 'MB409', HINT = 'it is sent with its batch';
    END IF;

    INSERT INTO redeliveries AS r (subscription_id, message_id, epoch, topic_id, seq, failures, due_at, reason, resent_at)
    VALUES (p_subscription_id, p_id, v_cursor.epoch, v_topic.id, seq, 0, call_time(), 'resent', call_time())
    ON CONFLICT (subscription_id, message_id, epoch) DO UPDATE
       SET due_at = CASE WHEN r.died_at IS NULL THEN least(r.due_at, call_time()) ELSE call_time() END,
           failures = CASE WHEN r.died_at IS NULL THEN r.failures ELSE 0 END,
           resent_at = CASE WHEN r.died_at IS NULL THEN r.resent_at ELSE call_time() END,
           died_at = NULL, deleted_at = NULL
    RETURNING * INTO v_row;
    UPDATE cursors c SET redelivery_due_at = least(c.redelivery_due_at, v_row.due_at) WHERE c.subscription_id = p_subscription_id;
    UPDATE subscriptions s SET lost = s.lost - int8multirange(int8range(seq, seq, '[]'))
     WHERE s.id = p_subscription_id AND s.lost @> seq;
    webhook_id := broker.webhook_id(p_subscription_id, v_row.epoch, p_id, microseconds(v_row.resent_at));
    due_at := CASE WHEN v_cursor.paused_at IS NULL THEN greatest(v_cursor.due_at, v_row.due_at) END;
    RETURN NEXT;
END
$$;
