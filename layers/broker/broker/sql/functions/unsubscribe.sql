-- Remove the subscription p_id of a topic, or all with the url p_url. Returns how many there were. Raises BR404.
CREATE OR REPLACE FUNCTION broker.unsubscribe(p_topic text, p_id uuid, p_url text)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    v_topic   topics := find_topic(p_topic);
    v_removed integer;
BEGIN
    PERFORM FROM topics t WHERE t.id = v_topic.id FOR NO KEY UPDATE;  -- no broadcast counts one that is going
    WITH removed AS (
        DELETE FROM subscriptions s WHERE s.topic_id = v_topic.id AND (s.id = p_id OR s.url = p_url) RETURNING s.id
    ), forgotten AS (
        DELETE FROM redeliveries r USING removed s WHERE r.subscription_id = s.id
    )
    SELECT count(*) INTO v_removed FROM removed;
    RETURN v_removed;
END
$$;
