-- Return the last seq of a topic behind p_cursor that was broadcast before p_at; p_cursor or less when none was.
CREATE OR REPLACE FUNCTION broker.broadcast_before(p_topic_id integer, p_at timestamptz, p_cursor bigint)
RETURNS bigint
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
    IF p_at < broker.call_time() - (SELECT r.retention FROM broker.ring r) THEN
        -- the spans of that time may have left; a subscription that keeps its backlog for so long has few entries left
        RETURN (SELECT max(o.seq)
                  FROM (SELECT e.seq, e.broadcast_at FROM broker.entries e
                         WHERE e.topic_id = p_topic_id AND e.seq > p_cursor ORDER BY e.seq LIMIT 1000000) o
                 WHERE o.broadcast_at < p_at);
    END IF;
    RETURN coalesce((SELECT s.first_seq - 1 FROM broker.log_spans s
                      WHERE s.topic_id = p_topic_id AND s.broadcast_at >= p_at ORDER BY s.broadcast_at, s.first_seq LIMIT 1),
                    (SELECT h.last_seq FROM broker.topic_states h WHERE h.topic_id = p_topic_id));
END
$$;
