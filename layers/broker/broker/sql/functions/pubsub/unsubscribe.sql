-- Delete the subscription p_id of a topic, or all with the url p_url. Returns how many there were. Raises MB404.
CREATE OR REPLACE FUNCTION broker.unsubscribe(p_topic text, p_id uuid, p_url text)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
    v_ids   uuid[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    PERFORM FROM topics t WHERE t.id = v_topic.id FOR NO KEY UPDATE;  -- so that no broadcast counts one that is being deleted
    -- in the order in which record_attempts locks them; the next statement sees the redeliveries that it committed
    v_ids := ARRAY(SELECT s.id FROM subscriptions s WHERE s.topic_id = v_topic.id AND (s.id = p_id OR s.url = p_url)
                    ORDER BY s.id FOR UPDATE);
    DELETE FROM redeliveries r WHERE r.subscription_id = ANY (v_ids);
    DELETE FROM subscriptions s WHERE s.id = ANY (v_ids);
    RETURN cardinality(v_ids);
END
$$;
