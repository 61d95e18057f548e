-- When something is due next, of all topics: a batch or redelivery of a subscription, or a message of an auto topic that
-- waits to be moved; of a topic that is watched not before a second after who watches it should have come. In the past when
-- it is due now, null when nothing is owed. Topics of which nothing was due for a minute are looked at no more until it is.
CREATE OR REPLACE FUNCTION broker.next_due()
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_due   timestamptz;
    v_quiet integer[];
BEGIN
    SELECT min(o.due_at), array_agg(o.id) FILTER (WHERE o.due_from < statement_timestamp() - interval '1 minute'
                                                    AND (o.due_at > statement_timestamp()) IS NOT FALSE)
      INTO v_due, v_quiet
      FROM (SELECT t.id, t.due_from, topic_due(t) AS due_at FROM topics t
             WHERE t.due_from <= statement_timestamp() OFFSET 0) o;
    IF v_quiet IS NOT NULL THEN
        v_quiet := ARRAY(SELECT t.id FROM topics t WHERE t.id = ANY (v_quiet) FOR NO KEY UPDATE SKIP LOCKED);
        -- looked at again under the lock: meanwhile something may have come
        UPDATE topics t SET due_from = topic_due(t)
         WHERE t.id = ANY (v_quiet) AND (topic_due(t) > statement_timestamp()) IS NOT FALSE
           AND NOT EXISTS (SELECT FROM subscriptions s WHERE s.topic_id = t.id AND s.lease_ends_at IS NOT NULL
                                                         AND s.paused_at IS NULL AND s.disabled_at IS NULL);
    END IF;
    RETURN least(v_due,
        (SELECT min(t.due_from) FROM topics t WHERE t.due_from > statement_timestamp() AND t.deleted_at IS NULL),
        (SELECT min(w.due_at)
           FROM (SELECT t.id, CASE WHEN t.watched_until > clock_timestamp() THEN t.watched_until + interval '1 s'
                                   ELSE (SELECT q.ready_at FROM queue q WHERE q.topic_id = t.id AND q.died_at IS NULL
                                          ORDER BY q.ready_at, q.message_id LIMIT 1) END AS due_at
                   FROM topics t WHERE t.broadcast = 'auto' AND t.deleted_at IS NULL OFFSET 0) w
          WHERE w.due_at IS NOT NULL AND EXISTS (SELECT FROM subscriptions s WHERE s.topic_id = w.id OFFSET 0)));
END
$$;
