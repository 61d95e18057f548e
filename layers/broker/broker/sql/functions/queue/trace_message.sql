-- Read one message of a topic and its state: waiting (ready_at in the future: delayed), leased, dead, broadcast (with its
-- seq and time) or consumed. deliveries has the state of a broadcast message at each subscription. No row when the topic has no such
-- message. Raises MB404 for the topic.
CREATE OR REPLACE FUNCTION broker.trace_message(p_topic text, p_id uuid)
RETURNS TABLE (id uuid, content json, sender text, key text, attributes json, created_at timestamptz, state text,
               ready_at timestamptz, leased_at timestamptz, receives integer, died_at timestamptz, reason text, seq bigint,
               broadcast_at timestamptz, deliveries json)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    RETURN QUERY
    SELECT m.id, m.content, m.sender, m.key, m.attributes, m.created_at,
           message_state(q, l.seq), q.ready_at, q.leased_at, q.receives, q.died_at, q.reason, l.seq, l.broadcast_at,
           CASE WHEN l.seq IS NOT NULL THEN delivery_states(v_topic.id, m.id, l.seq, l.broadcast_at) END
      FROM contents m
      LEFT JOIN queue q ON q.message_id = m.id
      LEFT JOIN LATERAL (SELECT e.seq, e.broadcast_at FROM entries e WHERE e.message_id = p_id OFFSET 0) l ON true
     WHERE m.id = p_id AND m.topic_id = v_topic.id;
END
$$;
