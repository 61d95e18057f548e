-- List the auto topics that have a subscription and a ready message: of those named in p_topics, or (null) of all, the longest
-- ready first. Topics with an open batch window are left out.
CREATE OR REPLACE FUNCTION broker.auto_topics(p_topics text[])
RETURNS TABLE (name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned at each call: a few names are looked up, all topics are walked
SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    RETURN QUERY
    SELECT w.name
      FROM (SELECT t.id, t.name,
                   (SELECT q.ready_at FROM queue q WHERE q.topic_id = t.id AND q.died_at IS NULL
                     ORDER BY q.ready_at, q.message_id LIMIT 1) AS ready_at
              FROM topics t
             WHERE t.broadcast = 'auto' AND t.deleted_at IS NULL AND (p_topics IS NULL OR t.name = ANY (p_topics))
               AND batch_window_left(t.batch_window_until) = 0 OFFSET 0) w
     WHERE w.ready_at <= call_time() AND EXISTS (SELECT FROM subscriptions s WHERE s.topic_id = w.id OFFSET 0)
     ORDER BY w.ready_at;
END
$$;
