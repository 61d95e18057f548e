-- Read one message of a topic and its state: waiting (ready_at in the future: delayed), leased, dead, broadcast (with its
-- seq) or consumed. deliveries has the state of a broadcast message at each subscription. No row when the topic has no such
-- message. Raises MB404 for the topic.
CREATE OR REPLACE FUNCTION broker.trace_message(p_topic text, p_id uuid)
RETURNS TABLE (id uuid, content json, sender text, key text, attributes json, created_at timestamptz, state text,
               ready_at timestamptz, leased_at timestamptz, receives integer, died_at timestamptz, reason text, seq bigint,
               deliveries json)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    RETURN QUERY
    SELECT m.id, m.content, m.sender, m.key, m.attributes, m.created_at,
           CASE WHEN q.died_at IS NOT NULL THEN 'dead'
                WHEN q.leased_at IS NOT NULL AND q.ready_at > call_time() THEN 'leased'
                WHEN q.message_id IS NOT NULL THEN 'waiting'
                WHEN l.seq IS NOT NULL THEN 'broadcast'
                ELSE 'consumed' END,
           q.ready_at, q.leased_at, q.receives, q.died_at, q.reason, l.seq,
           CASE WHEN l.seq IS NOT NULL THEN delivery_states(v_topic.id, m.id, l.seq) END
      FROM messages m
      LEFT JOIN queue q ON q.message_id = m.id
      LEFT JOIN LATERAL (
          -- OFFSET 0: span by span, by the log's key. As a plain join it was planned as a scan of the whole log
          SELECT found.seq
            FROM log_spans s, LATERAL (SELECT e.seq FROM log e
                                        WHERE e.topic_id = s.topic_id AND e.seq BETWEEN s.first_seq AND s.last_seq
                                          AND e.message_id = p_id OFFSET 0) found
           WHERE s.topic_id = v_topic.id AND p_id BETWEEN s.first_id AND s.last_id LIMIT 1) l ON true
     WHERE m.id = p_id AND m.topic_id = v_topic.id;
END
$$;
