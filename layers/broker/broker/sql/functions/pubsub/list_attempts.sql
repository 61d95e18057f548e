-- List the attempts of a subscription, the newest first, older than the attempt p_after. An id is the time of the attempt in
-- microseconds. p_seq: only those that sent this seq. p_failed: only those without a response of 2xx, and those with a reason.
-- Raises MB404 when the topic, or the subscription in it, does not exist.
CREATE OR REPLACE FUNCTION broker.list_attempts(
    p_topic text, p_id uuid, p_after bigint, p_limit integer, p_seq bigint DEFAULT NULL, p_failed boolean DEFAULT false)
RETURNS TABLE (id bigint, webhook_id text, first_seq bigint, last_seq bigint, attempt integer, started_at timestamptz,
               duration_ms integer, status integer, reason text, answer text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    IF NOT EXISTS (SELECT FROM subscriptions s WHERE s.id = p_id AND s.topic_id = v_topic.id) THEN
        RAISE EXCEPTION 'the topic has no such subscription' USING ERRCODE = 'MB404';
    END IF;
    RETURN QUERY
    SELECT microseconds(a.started_at), webhook_id(p_id, a.epoch, a.message_id, a.digest), a.first_seq, a.last_seq, a.attempt::integer,
           a.started_at, a.duration_ms, a.status::integer, a.reason, a.answer
      FROM find_attempts(p_id, coalesce(from_microseconds(p_after), 'infinity'), p_seq, p_failed, p_limit) a
     ORDER BY a.started_at DESC;
END
$$;
