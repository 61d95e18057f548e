-- List the auto topics that have a subscription and a ready message, the longest ready first: of those named in p_topics; or
-- (null) of those that next_due_at calls due; or, with p_sweep, of all. Topics with an open batch window are left out.
CREATE OR REPLACE FUNCTION broker.auto_topics(p_topics text[], p_sweep boolean DEFAULT false)
RETURNS TABLE (name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_ids integer[];
BEGIN
    IF p_topics IS NOT NULL THEN
        v_ids := ARRAY(SELECT t.id FROM unnest(p_topics) n (name), topics t
                        WHERE t.name = n.name AND t.broadcast = 'auto' AND t.deleted_at IS NULL);
    ELSIF p_sweep THEN
        v_ids := ARRAY(SELECT t.id FROM topics t WHERE t.broadcast = 'auto' AND t.deleted_at IS NULL);
    ELSE
        v_ids := ARRAY(SELECT t.id
                         FROM (SELECT d.topic_id FROM topic_states d WHERE d.next_due_at <= call_time()
                                ORDER BY d.next_due_at LIMIT 2000) s, topics t
                        WHERE t.id = ANY (ARRAY[s.topic_id]) AND t.broadcast = 'auto' AND t.deleted_at IS NULL);
    END IF;
    RETURN QUERY
    SELECT t.name
      FROM (SELECT i.id, (SELECT q.ready_at FROM queue q
                           WHERE q.topic_id = i.id AND q.died_at IS NULL
                             AND q.ready_at >= CASE WHEN p_sweep THEN '-infinity' ELSE ready_floor(s) END
                           ORDER BY q.ready_at, q.message_id LIMIT 1) AS ready_at
              FROM unnest(v_ids) i (id), topic_states s
             WHERE s.topic_id = ANY (ARRAY[i.id]) AND s.subscriptions > 0
               AND NOT EXISTS (SELECT FROM batch_windows b
                                WHERE b.topic_id = i.id AND b.ends_at > call_time() AND batch_window_left(b.ends_at) > 0)
            OFFSET 0) w, topics t
     WHERE w.ready_at <= call_time() AND t.id = ANY (ARRAY[w.id])
     ORDER BY w.ready_at;
END
$$;
