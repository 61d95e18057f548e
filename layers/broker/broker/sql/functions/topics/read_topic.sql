-- Read a topic: its settings, what waits and since when, its dead letters, and its subscriptions.
-- oldest_ready_at is null when nothing is ready. behind is that of the subscription farthest behind. Raises MB404.
CREATE OR REPLACE FUNCTION broker.read_topic(p_topic text)
RETURNS TABLE (name text, broadcast text, lease_seconds integer, max_receives integer, last_seq bigint,
               created_at timestamptz, updated_at timestamptz, waiting bigint, exact boolean, estimate bigint,
               dead bigint, dead_exact boolean, dead_estimate bigint,
               oldest_ready_at timestamptz, subscriptions bigint, behind bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    RETURN QUERY
    SELECT v_topic.name, v_topic.broadcast, v_topic.lease_seconds, v_topic.max_receives, v_topic.last_seq,
           v_topic.created_at, v_topic.updated_at, w.count, w.exact, w.estimate, d.count, d.exact, d.estimate,
           (SELECT q.ready_at FROM queue q
             WHERE q.topic_id = v_topic.id AND q.died_at IS NULL AND q.ready_at <= call_time()
             ORDER BY q.ready_at, q.message_id LIMIT 1),
           s.subscriptions, s.behind
      FROM count_queue(v_topic.id, 10000, false) w, count_queue(v_topic.id, 10000, true) d,
           (SELECT count(*) AS subscriptions, coalesce(v_topic.last_seq - min(s.cursor), 0) AS behind
              FROM subscriptions s WHERE s.topic_id = v_topic.id) s;
END
$$;
