-- Delete a topic: its name is free at once, what it leaves behind is cleared by maintain. Raises BR404, and BR409 while
-- anything waits in it or subscribes to it, unless p_force.
CREATE OR REPLACE FUNCTION broker.delete_topic(p_topic text, p_force boolean)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    -- publishers hold this lock, shared, up to their commit: what they were told is stored is seen below. It comes first,
    -- as for whoever publishes and then broadcasts in one transaction
    PERFORM pg_advisory_xact_lock(hashtext('broker.topics'), v_topic.id);
    PERFORM FROM topics t WHERE t.id = v_topic.id FOR UPDATE;
    IF NOT p_force AND EXISTS (SELECT FROM queue q WHERE q.topic_id = v_topic.id AND q.died_at IS NULL) THEN
        RAISE EXCEPTION 'messages wait in the topic "%"', p_topic
              USING ERRCODE = 'BR409', HINT = 'force=true deletes it all the same';
    ELSIF NOT p_force AND EXISTS (SELECT FROM subscriptions s WHERE s.topic_id = v_topic.id) THEN
        RAISE EXCEPTION 'the topic "%" has subscriptions', p_topic
              USING ERRCODE = 'BR409', HINT = 'force=true deletes it all the same';
    END IF;
    UPDATE topics t SET deleted_at = statement_timestamp() WHERE t.id = v_topic.id AND t.deleted_at IS NULL;
END
$$;
