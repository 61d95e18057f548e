-- Drop what paused and disabled subscriptions have kept undelivered for longer than their backlog_days: the cursor skips it,
-- and lost has the range. Returns how many subscriptions lost something.
CREATE OR REPLACE FUNCTION broker.expire_backlog()
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s' AS $$
DECLARE
    v_ids  uuid[];
    v_lost integer;
BEGIN
    -- locked first, in the order in which record_attempts locks them, or the two could deadlock
    v_ids := ARRAY(SELECT s.id FROM subscriptions s
                    WHERE (s.paused_at IS NOT NULL OR s.disabled_at IS NOT NULL)
                      AND EXISTS (SELECT FROM log_spans p
                                   WHERE p.topic_id = s.topic_id AND p.last_seq > s.cursor
                                     AND p.broadcast_at < call_time() - make_interval(days => s.backlog_days))
                    ORDER BY s.id FOR NO KEY UPDATE);
    UPDATE subscriptions s
       SET cursor = l.to_seq, batch_last_seq = NULL, failures = 0, fence = s.fence + 1, lease_ends_at = NULL,
           lost_from_seq = CASE WHEN s.lost_to_seq = s.cursor THEN s.lost_from_seq ELSE s.cursor + 1 END,
           lost_to_seq = l.to_seq, lost = s.lost + int8multirange(int8range(s.cursor + 1, l.to_seq, '[]'))
      FROM (SELECT o.id, max(p.last_seq) AS to_seq
              FROM subscriptions o JOIN log_spans p ON p.topic_id = o.topic_id AND p.last_seq > o.cursor
             WHERE o.id = ANY (v_ids) AND p.broadcast_at < call_time() - make_interval(days => o.backlog_days)
             GROUP BY o.id) l
     WHERE s.id = l.id;
    GET DIAGNOSTICS v_lost = ROW_COUNT;
    RETURN v_lost;
END
$$;
