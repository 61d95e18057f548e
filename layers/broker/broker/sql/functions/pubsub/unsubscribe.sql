-- Delete the subscription p_id of a topic, or all with the url p_url. Returns how many there were. Raises MB404.
CREATE OR REPLACE FUNCTION broker.unsubscribe(p_topic text, p_id uuid, p_url text)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
    v_ids   uuid[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    -- so that no broadcast counts one that is being deleted
    PERFORM FROM topic_states s WHERE s.topic_id = v_topic.id FOR NO KEY UPDATE;
    IF p_id IS NOT NULL THEN
        v_ids := ARRAY(SELECT s.id FROM subscriptions s WHERE s.id = p_id AND s.topic_id = v_topic.id FOR UPDATE);
    ELSE
        v_ids := ARRAY(SELECT s.id FROM subscriptions s WHERE s.topic_id = v_topic.id AND s.url = p_url ORDER BY s.id FOR UPDATE);
    END IF;
    -- these two in the order in which record_attempts locks them; the next statement sees the redeliveries that it committed
    DELETE FROM deliveries d WHERE d.subscription_id = ANY (v_ids);
    PERFORM FROM cursors c WHERE c.subscription_id = ANY (v_ids) ORDER BY c.subscription_id FOR UPDATE;
    DELETE FROM redeliveries r WHERE r.subscription_id = ANY (v_ids);
    DELETE FROM deliveries d WHERE d.subscription_id = ANY (v_ids);  -- what was planned since
    DELETE FROM cursors c WHERE c.subscription_id = ANY (v_ids);
    DELETE FROM subscriptions s WHERE s.id = ANY (v_ids);
    UPDATE topic_states s SET subscriptions = s.subscriptions - cardinality(v_ids)
     WHERE s.topic_id = v_topic.id AND v_ids <> '{}';
    RETURN cardinality(v_ids);
END
$$;
