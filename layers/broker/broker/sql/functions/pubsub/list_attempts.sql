-- List the attempts of a subscription, the newest first, older than the attempt p_after. Raises MB404 when the topic, or the
-- subscription in it, does not exist.
CREATE OR REPLACE FUNCTION broker.list_attempts(p_topic text, p_id uuid, p_after bigint, p_limit integer)
RETURNS TABLE (id bigint, webhook_id text, first_seq bigint, last_seq bigint, attempt integer, started_at timestamptz,
               duration_ms integer, status integer, reason text, answer text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    IF NOT EXISTS (SELECT FROM subscriptions s WHERE s.id = p_id AND s.topic_id = v_topic.id) THEN
        RAISE EXCEPTION 'the topic has no such subscription' USING ERRCODE = 'MB404';
    END IF;
    RETURN QUERY
    SELECT a.id, a.webhook_id, a.first_seq, a.last_seq, a.attempt, a.started_at, a.duration_ms, a.status, a.reason, a.answer
      FROM attempts a
     WHERE a.subscription_id = p_id AND (p_after IS NULL OR a.id < p_after)
     ORDER BY a.id DESC LIMIT p_limit;
END
$$;
