-- Return a new webhook_id for a test of a subscription, which may be paused or disabled: plan_tests reads what it is sent. Nothing
-- is written. Null when the topic has no such subscription. Raises MB404 for the topic. STABLE, though the id is new: it is called
-- once a statement.
CREATE OR REPLACE FUNCTION broker.test_subscription(p_topic text, p_id uuid)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    RETURN (SELECT webhook_id(s.id, 0, uuidv7(ticks(clock_timestamp())), NULL)
              FROM subscriptions s WHERE s.id = p_id AND s.topic_id = v_topic.id);
END
$$;
