-- Have Dispatch look at a topic at p_at, unless it looks earlier. Without a wait: when another transaction holds the topic's state,
-- Dispatch finds out at its next look, as it does of what was published through SQL.
CREATE OR REPLACE FUNCTION broker.lower_next_due(p_topic_id integer, p_at timestamptz)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_due_at timestamptz;
BEGIN
    SELECT s.next_due_at INTO v_due_at FROM broker.topic_states s WHERE s.topic_id = p_topic_id;
    IF v_due_at <= p_at THEN
        RETURN;
    END IF;
    UPDATE broker.topic_states s SET next_due_at = p_at
     WHERE s.topic_id = ANY (ARRAY(
               SELECT l.topic_id FROM broker.topic_states l
                WHERE l.topic_id = p_topic_id AND (l.next_due_at > p_at) IS NOT FALSE FOR NO KEY UPDATE SKIP LOCKED));
    IF NOT FOUND THEN
        INSERT INTO broker.look_requests (topic_id) VALUES (p_topic_id);
    END IF;
END
$$;
