-- Drop what paused and disabled subscriptions have kept undelivered for longer than their backlog_days: the cursor skips it,
-- and lost has the range. Returns the subscriptions that lost something: an array of {"topic", "subscription", "messages"}.
CREATE OR REPLACE FUNCTION broker.expire_backlog()
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_expired json;  -- by topic: one seq for all its subscriptions that keep their backlog for as long
    v_ids     uuid[];
    v_seqs    bigint[];   -- up to which each of them loses its backlog
    v_days    integer[];
    v_lost    json;
BEGIN
    SELECT json_agg(e) INTO v_expired
      FROM (SELECT k.topic_id, k.backlog_days, k.cursor,
                   broadcast_before(k.topic_id, call_time() - make_interval(days => k.backlog_days), k.cursor) AS seq
              FROM (SELECT c.topic_id, s.backlog_days, min(c.cursor) AS cursor
                      FROM cursors c JOIN subscriptions s ON s.id = ANY (ARRAY[c.subscription_id])
                     WHERE c.paused_at IS NOT NULL OR c.disabled_at IS NOT NULL
                     GROUP BY c.topic_id, s.backlog_days) k) e
     WHERE e.seq > e.cursor;
    -- OFFSET 0: topic by topic, or all topics were compared with all subscriptions
    SELECT array_agg(c.subscription_id), array_agg(e.seq), array_agg(e.backlog_days) INTO v_ids, v_seqs, v_days
      FROM json_to_recordset(v_expired) e (topic_id integer, backlog_days integer, seq bigint),
           LATERAL (SELECT d.subscription_id FROM cursors d
                     WHERE d.topic_id = e.topic_id AND (d.paused_at IS NOT NULL OR d.disabled_at IS NOT NULL)
                       AND d.cursor < e.seq OFFSET 0) c
     WHERE EXISTS (SELECT FROM subscriptions s
                    WHERE s.id = ANY (ARRAY[c.subscription_id]) AND s.backlog_days = e.backlog_days OFFSET 0);
    -- in the order in which change_subscription and record_attempts lock them, or they could deadlock
    PERFORM FROM subscriptions s WHERE s.id = ANY (v_ids) ORDER BY s.id FOR NO KEY UPDATE;
    PERFORM FROM cursors c WHERE c.subscription_id = ANY (v_ids) ORDER BY c.subscription_id FOR NO KEY UPDATE;
    WITH expired AS MATERIALIZED (
        SELECT e.id, c.cursor, e.seq, (SELECT t.name FROM topics t WHERE t.id = c.topic_id) AS topic
          FROM unnest(v_ids, v_seqs, v_days) e (id, seq, backlog_days),
               -- stopped is no condition here: cursors_stopped would be walked for each of them
               LATERAL (SELECT d.topic_id, d.cursor, d.paused_at IS NOT NULL OR d.disabled_at IS NOT NULL AS stopped
                          FROM cursors d WHERE d.subscription_id = ANY (ARRAY[e.id]) OFFSET 0) c
         WHERE c.stopped AND c.cursor < e.seq
           AND EXISTS (SELECT FROM subscriptions s
                        WHERE s.id = ANY (ARRAY[e.id]) AND s.backlog_days = e.backlog_days OFFSET 0)
    ), moved AS (
        UPDATE cursors c
           SET cursor = e.seq, batch_last_seq = NULL, failures = 0, due_at = NULL
          FROM expired e WHERE c.subscription_id = ANY (ARRAY[e.id])
    ), noted AS (
        UPDATE subscriptions s
           SET lost_from_seq = CASE WHEN s.lost_to_seq = e.cursor THEN s.lost_from_seq ELSE e.cursor + 1 END,
               lost_to_seq = e.seq, lost = s.lost + int8multirange(int8range(e.cursor + 1, e.seq, '[]'))
          FROM expired e WHERE s.id = ANY (ARRAY[e.id])
    )
    SELECT coalesce(json_agg(json_build_object('topic', e.topic, 'subscription', e.id, 'messages', e.seq - e.cursor)), '[]')
      INTO v_lost FROM expired e;
    RETURN v_lost;
END
$$;
