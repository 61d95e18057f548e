-- Return when Dispatch has to look at a topic, for a resting subscription that is behind and has no request under way, or for a
-- message of an auto topic; null when nothing is pending, and once it is deleted. Subscriptions with a time of their own are in
-- cursors_due. p_under_way: the subscriptions that have a request under way. It is planned as its caller says.
-- A topic with an open batch window is due a second after its end at the earliest: the process that opened it looks first.
CREATE OR REPLACE FUNCTION broker.topic_due(p_state broker.topic_states, p_under_way uuid[])
RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_broadcast  text := (SELECT t.broadcast FROM broker.topics t WHERE t.id = p_state.topic_id AND t.deleted_at IS NULL);
    v_window_end timestamptz;
    v_ready_at   timestamptz;
BEGIN
    IF v_broadcast IS NOT NULL
       AND EXISTS (SELECT FROM broker.cursors c
                    WHERE c.topic_id = p_state.topic_id AND c.resting AND c.cursor < p_state.last_seq
                      AND c.subscription_id NOT IN (SELECT unnest(p_under_way))) THEN
        RETURN broker.call_time();
    ELSIF p_state.subscriptions = 0 OR v_broadcast IS DISTINCT FROM 'auto' THEN
        RETURN NULL;
    END IF;
    SELECT q.ready_at INTO v_ready_at FROM broker.queue q
     WHERE q.topic_id = p_state.topic_id AND q.died_at IS NULL AND q.ready_at >= broker.ready_floor(p_state)
     ORDER BY q.ready_at, q.message_id LIMIT 1;
    SELECT w.ends_at INTO v_window_end FROM broker.batch_windows w
     WHERE w.topic_id = p_state.topic_id ORDER BY w.ends_at DESC LIMIT 1;
    IF broker.batch_window_left(v_window_end) > 0 THEN
        RETURN greatest(v_ready_at, v_window_end + interval '1 second');
    END IF;
    RETURN v_ready_at;
END
$$;
