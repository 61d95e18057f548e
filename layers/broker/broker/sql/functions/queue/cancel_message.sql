-- Delete a message that waits or is dead, with its content. Raises MB404. Raises MB409 when it is on lease, or was consumed
-- or broadcast.
CREATE OR REPLACE FUNCTION broker.cancel_message(p_topic text, p_id uuid)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
    v_row   queue;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    SELECT * INTO v_row FROM queue q WHERE q.message_id = p_id AND q.topic_id = v_topic.id FOR UPDATE;
    IF NOT FOUND AND EXISTS (SELECT FROM contents m WHERE m.id = p_id AND m.topic_id = v_topic.id) THEN
        RAISE EXCEPTION 'the message was already consumed or broadcast' USING ERRCODE = 'MB409';
    ELSIF NOT FOUND THEN
        RAISE EXCEPTION 'the topic has no such message' USING ERRCODE = 'MB404';
    ELSIF v_row.leased_at IS NOT NULL AND v_row.ready_at > call_time() AND v_row.died_at IS NULL THEN
        RAISE EXCEPTION 'the message is on lease' USING ERRCODE = 'MB409';
    END IF;
    DELETE FROM queue q WHERE q.message_id = p_id;
    DELETE FROM messages m WHERE m.id = p_id;
    DELETE FROM kept_messages m WHERE m.id = p_id;
END
$$;
