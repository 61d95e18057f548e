-- When something is due next, of all topics: a batch or redelivery of a subscription, or a message of an auto topic that
-- waits to be moved; of a topic that is watched not before a second after who watches it should have come. In the past when
-- it is due now, null when nothing is owed. Topics that have owed nothing for a minute are looked at no more until they do.
CREATE OR REPLACE FUNCTION broker.next_due()
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_due   timestamptz;
    v_clear integer[];
BEGIN
    SELECT min(o.due_at), array_agg(o.id) FILTER (WHERE o.due_at IS NULL AND o.owing_since < statement_timestamp() - interval '1 minute')
      INTO v_due, v_clear
      FROM (SELECT t.id, t.owing_since, topic_due(t) AS due_at FROM topics t WHERE t.owing_since IS NOT NULL OFFSET 0) o;
    IF v_clear IS NOT NULL THEN
        v_clear := ARRAY(SELECT t.id FROM topics t WHERE t.id = ANY (v_clear) FOR NO KEY UPDATE SKIP LOCKED);
        -- looked at again under the lock: meanwhile something may have come
        UPDATE topics t SET owing_since = NULL WHERE t.id = ANY (v_clear) AND topic_due(t) IS NULL;
    END IF;
    RETURN least(v_due,
        (SELECT min(w.due_at)
           FROM (SELECT t.id, CASE WHEN t.watched_until > clock_timestamp() THEN t.watched_until + interval '1 s'
                                   ELSE (SELECT q.ready_at FROM queue q WHERE q.topic_id = t.id AND q.died_at IS NULL
                                          ORDER BY q.ready_at, q.message_id LIMIT 1) END AS due_at
                   FROM topics t WHERE t.broadcast = 'auto' AND t.deleted_at IS NULL OFFSET 0) w
          WHERE w.due_at IS NOT NULL AND EXISTS (SELECT FROM subscriptions s WHERE s.topic_id = w.id OFFSET 0)));
END
$$;
