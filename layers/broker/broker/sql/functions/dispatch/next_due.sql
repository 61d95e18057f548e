-- Return the next time at which something is due, over all topics: a batch or redelivery of a subscription, or a waiting
-- message of an auto topic. In the past when it is due now, null when nothing is pending; it may name a later time of what was
-- removed or paused since.
-- A topic with an open batch window is due a second after its end at the earliest: the process that opened it looks first.
-- Topics of which nothing was due for a minute get a later next_due_at, so that they are not looked at again before.
CREATE OR REPLACE FUNCTION broker.next_due()
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_due  timestamptz;
    v_idle integer[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    SELECT min(o.due_at), array_agg(o.id) FILTER (WHERE o.next_due_at < call_time() - interval '1 minute'
                                                    AND (o.due_at > call_time()) IS NOT FALSE)
      INTO v_due, v_idle
      FROM (SELECT t.id, t.next_due_at, topic_due(t) AS due_at FROM topics t
             WHERE t.next_due_at <= call_time() OFFSET 0) o;
    IF v_idle IS NOT NULL THEN
        v_idle := ARRAY(SELECT t.id FROM topics t WHERE t.id = ANY (v_idle) FOR NO KEY UPDATE SKIP LOCKED);
        -- asked again under the lock: something may have become due since
        UPDATE topics t SET next_due_at = topic_due(t)
         WHERE t.id = ANY (v_idle) AND (topic_due(t) > call_time()) IS NOT FALSE
           AND NOT EXISTS (SELECT FROM subscriptions s WHERE s.topic_id = t.id AND s.lease_ends_at IS NOT NULL
                                                         AND s.paused_at IS NULL AND s.disabled_at IS NULL);
    END IF;
    RETURN least(v_due,
        (SELECT min(t.next_due_at) FROM topics t WHERE t.next_due_at > call_time() AND t.deleted_at IS NULL),
        (SELECT min(w.due_at)
           FROM (SELECT t.id, CASE WHEN batch_window_left(t.batch_window_until) > 0 THEN t.batch_window_until + interval '1 s'
                                   ELSE (SELECT q.ready_at FROM queue q WHERE q.topic_id = t.id AND q.died_at IS NULL
                                          ORDER BY q.ready_at, q.message_id LIMIT 1) END AS due_at
                   FROM topics t WHERE t.broadcast = 'auto' AND t.deleted_at IS NULL OFFSET 0) w
          WHERE w.due_at IS NOT NULL AND EXISTS (SELECT FROM subscriptions s WHERE s.topic_id = w.id OFFSET 0)));
END
$$;
