-- End up to p_limit dead letters, of queues and of subscriptions, that are older than their topic's dead_days. Returns how many
-- of each topic: an array of {"topic", "messages"}. Call it until that is empty. Their content leaves with its partition.
CREATE OR REPLACE FUNCTION broker.end_dead_letters(p_limit integer)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_ended json;
BEGIN
    WITH RECURSIVE dead_in (topic_id) AS (
        -- only topics that have dead letters, from one to the next in the index
        (SELECT q.topic_id FROM queue q WHERE q.died_at IS NOT NULL ORDER BY q.topic_id LIMIT 1)
        UNION ALL
        SELECT (SELECT q.topic_id FROM queue q WHERE q.died_at IS NOT NULL AND q.topic_id > d.topic_id ORDER BY q.topic_id LIMIT 1)
          FROM dead_in d WHERE d.topic_id IS NOT NULL
    ), dead_of (subscription_id) AS (
        (SELECT r.subscription_id FROM redeliveries r WHERE r.died_at IS NOT NULL AND r.deleted_at IS NULL
          ORDER BY r.subscription_id LIMIT 1)
        UNION ALL
        SELECT (SELECT r.subscription_id FROM redeliveries r
                 WHERE r.died_at IS NOT NULL AND r.deleted_at IS NULL AND r.subscription_id > d.subscription_id
                 ORDER BY r.subscription_id LIMIT 1)
          FROM dead_of d WHERE d.subscription_id IS NOT NULL
    ), ended AS (
        DELETE FROM queue q
         WHERE q.message_id = ANY (ARRAY(
                   SELECT w.message_id
                     FROM dead_in d, topics t,
                          LATERAL (SELECT x.message_id FROM queue x
                                    WHERE x.topic_id = d.topic_id AND x.died_at IS NOT NULL
                                      AND x.died_at < call_time() - make_interval(days => t.dead_days)
                                    ORDER BY x.died_at, x.message_id LIMIT p_limit FOR UPDATE SKIP LOCKED) w
                    WHERE t.id = ANY (ARRAY[d.topic_id])
                    LIMIT p_limit))
        RETURNING q.topic_id
    ), ended_redeliveries AS (
        UPDATE redeliveries r SET deleted_at = call_time()
          FROM (SELECT x.subscription_id, x.message_id, x.epoch
                  FROM dead_of d, cursors c, topics t,
                       LATERAL (SELECT y.* FROM redeliveries y
                                 WHERE y.subscription_id = d.subscription_id AND y.died_at IS NOT NULL AND y.deleted_at IS NULL
                                   AND y.died_at < call_time() - make_interval(days => t.dead_days)
                                 ORDER BY y.died_at, y.message_id LIMIT p_limit FOR UPDATE SKIP LOCKED) x
                 WHERE c.subscription_id = ANY (ARRAY[d.subscription_id]) AND t.id = ANY (ARRAY[c.topic_id])
                 LIMIT p_limit) o
         WHERE r.subscription_id = ANY (ARRAY[o.subscription_id]) AND r.message_id = ANY (ARRAY[o.message_id])
           AND r.epoch = o.epoch
        RETURNING r.topic_id
    )
    SELECT coalesce(json_agg(json_build_object('topic', t.name, 'messages', e.count)), '[]') INTO v_ended
      FROM (SELECT a.topic_id, count(*) FROM (TABLE ended UNION ALL TABLE ended_redeliveries) a GROUP BY a.topic_id) e
      JOIN topics t ON t.id = ANY (ARRAY[e.topic_id]);
    RETURN v_ended;
END
$$;
