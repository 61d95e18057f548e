-- List up to 20 subscriptions of a topic, the worst first: disabled, waiting, paused, then those that are farthest behind. It
-- looks at 50 that do not rest and 20 that do, of each those that are farthest behind.
-- p_since: attempts that ended later are counted, at most 1,000 of a subscription. p_seconds: how long that is; null: no rate.
-- failing: whether one of them is disabled or waits.
CREATE OR REPLACE FUNCTION broker.worst_subscriptions(
    p_topic_id integer, p_last_seq bigint, p_since timestamptz, p_seconds numeric)
RETURNS TABLE (items json, failing boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_ids uuid[];
BEGIN
    v_ids := ARRAY(
        SELECT c.subscription_id
          FROM ((SELECT x.* FROM broker.cursors x WHERE x.topic_id = p_topic_id AND NOT x.resting ORDER BY x.cursor LIMIT 50)
                UNION ALL
                (SELECT x.* FROM broker.cursors x WHERE x.topic_id = p_topic_id AND x.resting ORDER BY x.cursor LIMIT 20)) c
         ORDER BY array_position('{disabled,waiting,paused,active}', broker.subscription_state(c)), c.cursor, c.subscription_id
         LIMIT 20);
    SELECT coalesce(json_agg(json_build_object(
               'id', s.id, 'name', s.name, 'state', w.state, 'cursor', c.cursor, 'behind', p_last_seq - c.cursor,
               'attempts_per_second', round(r.attempts / p_seconds, 2), 'p95_ms', r.p95_ms, 'failures', c.failures,
               'last_attempt', CASE WHEN a.started_at IS NOT NULL THEN
                   json_build_object('started_at', a.started_at, 'status', a.status, 'reason', a.reason) END,
               'due_at', broker.subscription_due_at(c, p_last_seq, w.ends_at), 'paused_at', c.paused_at,
               'disabled_at', c.disabled_at, 'disabled_reason', c.disabled_reason) ORDER BY i.nth), '[]'),
           coalesce(bool_or(w.state IN ('disabled', 'waiting')), false)
      INTO items, failing
      FROM unnest(v_ids) WITH ORDINALITY i (id, nth)
     CROSS JOIN LATERAL (SELECT x.* FROM broker.cursors x WHERE x.subscription_id = i.id OFFSET 0) c
     CROSS JOIN LATERAL (SELECT x.id, x.name FROM broker.subscriptions x WHERE x.id = i.id OFFSET 0) s
     CROSS JOIN LATERAL (SELECT broker.subscription_state(c) AS state,
                                (SELECT max(d.ends_at) FROM broker.deliveries d
                                  WHERE d.ends_at > broker.call_time() AND d.subscription_id = i.id) AS ends_at OFFSET 0) w
     CROSS JOIN LATERAL (SELECT count(*) AS attempts, percentile_disc(0.95) WITHIN GROUP (ORDER BY t.duration_ms) AS p95_ms
                           FROM (SELECT x.started_at, x.duration_ms FROM broker.attempts x
                                  WHERE x.subscription_id = i.id AND x.started_at >= p_since - interval '20 seconds'
                                  ORDER BY x.started_at DESC LIMIT 1000) t
                          WHERE t.started_at + t.duration_ms * interval '1 ms' >= p_since) r
      LEFT JOIN LATERAL (SELECT t.started_at, t.status, t.reason FROM broker.attempts t
                          WHERE t.subscription_id = i.id ORDER BY t.started_at DESC LIMIT 1) a ON true;
    RETURN NEXT;
END
$$;
