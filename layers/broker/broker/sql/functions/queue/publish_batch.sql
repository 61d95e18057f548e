-- Store messages and put them in their topic's queue, all or none, in the order given. A missing topic is created.
-- p_messages: an array of 1 to 1,000 of {"content", "sender"?, "key"?, "attributes"?}.
-- p_sender: the sender of messages that name none; null: the user of the session.
-- p_idempotency_key: for 24 hours, the same call of the same user again returns the first one's ids, and replayed is true.
-- auto: the topic is an auto topic. Dispatch looks at it within batch_window seconds; what commits later needs a wake-up.
-- In the caller's own transaction, the messages appear with its commit, or not at all.
-- Raises MB400 when an argument is not valid, MB409 when the user has made too many topics, MB422 for a key that was used with
-- other messages.
CREATE OR REPLACE FUNCTION broker.publish_batch(
    p_topic text, p_messages json, p_sender text DEFAULT NULL, p_idempotency_key text DEFAULT NULL)
RETURNS TABLE (ids uuid[], auto boolean, batch_window real, replayed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s'
SET enable_seqscan = off  -- by index only: see consume.sql
AS $$
BEGIN
    PERFORM check_messages(p_messages, p_sender, p_idempotency_key);
    SELECT p.ids, p.auto, p.batch_window, p.replayed INTO ids, auto, batch_window, replayed
      FROM publish_unchecked(
               p_topic, p_messages, coalesce(p_sender, session_user), session_token(), p_idempotency_key,
               CASE WHEN p_idempotency_key IS NOT NULL
                    THEN sha256(convert_to(concat_ws(E'\n', coalesce(p_sender, session_user), p_messages), 'UTF8')) END) p;
    IF auto THEN  -- a program need not notify Dispatch, which finds it at its next look
        INSERT INTO look_requests (topic_id) SELECT t.id FROM topics t WHERE t.name = p_topic AND t.deleted_at IS NULL;
    END IF;
    RETURN NEXT;
END
$$;
