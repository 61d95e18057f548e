-- List the messages of a partition that are still needed, at most p_limit: the message, its topic, and which subscription has not
-- got it, or has it as a dead letter (null: it waits or is dead in the queue). A message may come more than once. Those that were
-- moved aside are left out.
CREATE OR REPLACE FUNCTION broker.survivors(p_partition broker.partitions, p_limit bigint)
RETURNS TABLE (message_id uuid, topic_id integer, subscription_id uuid, why text)
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_first_id uuid := broker.first_uuid(p_partition.begins_at);
    v_end_id   uuid := broker.first_uuid(p_partition.ends_at);
BEGIN
    RETURN QUERY
    (SELECT q.message_id, q.topic_id, NULL::uuid, CASE WHEN q.died_at IS NULL THEN 'waiting' ELSE 'dead' END
       FROM broker.queue q
      WHERE q.message_id >= v_first_id AND q.message_id < v_end_id
        AND NOT EXISTS (SELECT FROM broker.kept_messages k WHERE k.id = ANY (ARRAY[q.message_id]))
      ORDER BY q.message_id LIMIT p_limit);
    -- What a subscription has refused is in the log. Its content may have been moved aside before, when it waited: a transaction that
    -- had broadcast it was open then.
    RETURN QUERY EXECUTE format($refused$
        SELECT r.message_id, r.topic_id, r.subscription_id, CASE WHEN r.died_at IS NULL THEN 'refused' ELSE 'dead' END
          FROM broker.redeliveries r
         WHERE r.message_id >= $2 AND r.message_id < $3 AND r.deleted_at IS NULL
           AND EXISTS (SELECT FROM broker.%1$I l WHERE l.message_id = ANY (ARRAY[r.message_id]))
         ORDER BY r.message_id LIMIT $1 $refused$, 'log_' || p_partition.name) USING p_limit, v_first_id, v_end_id;
    -- of each topic in its log, what the subscription that is farthest behind has not got
    RETURN QUERY EXECUTE format($log$
        WITH RECURSIVE in_log (topic_id) AS (
            (SELECT l.topic_id FROM broker.%1$I l ORDER BY l.topic_id LIMIT 1)
            UNION ALL
            SELECT (SELECT l.topic_id FROM broker.%1$I l WHERE l.topic_id > t.topic_id ORDER BY l.topic_id LIMIT 1)
              FROM in_log t WHERE t.topic_id IS NOT NULL
        )
        SELECT l.message_id, t.topic_id, s.subscription_id, 'undelivered'
          FROM in_log t,
               LATERAL (SELECT c.subscription_id, c.cursor
                          FROM (VALUES (false), (true)) k (resting),
                               LATERAL (SELECT d.* FROM broker.cursors d WHERE d.topic_id = t.topic_id AND d.resting = k.resting
                                         ORDER BY d.cursor LIMIT 1) c
                         ORDER BY c.cursor LIMIT 1) s,
               LATERAL (SELECT e.message_id FROM broker.%1$I e
                         WHERE e.topic_id = t.topic_id AND e.seq > s.cursor ORDER BY e.seq LIMIT $1) l
         LIMIT $1 $log$, 'log_' || p_partition.name) USING p_limit;
END
$$;
