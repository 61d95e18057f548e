-- Return the state of a broadcast message at each subscription that existed at the broadcast, or was sent it since: at most 100,
-- undelivered ones first. An array of {"subscription", "name", "state", "attempt", "attempted_at", "due_at", "behind", "reason"}.
-- state: delivered, due, refused (it is sent again on its own), resent (it waits to be sent once more, as somebody asked), dead,
-- deleted (it was dead), lost, paused or disabled.
-- attempt: the last one; null when there was none, or it was before the retention. behind: how many messages are sent before it.
CREATE OR REPLACE FUNCTION broker.delivery_states(p_topic_id integer, p_message_id uuid, p_seq bigint, p_broadcast_at timestamptz)
RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object(
               'subscription', f.id, 'name', f.name, 'state', f.state, 'attempt', a.attempt, 'attempted_at', a.started_at,
               'due_at', CASE WHEN f.state = 'due' THEN coalesce(f.lease_ends_at, f.due_at, broker.call_time())
                              WHEN f.state IN ('refused', 'resent') THEN coalesce(f.lease_ends_at, greatest(f.due_at, f.again_at)) END,
               'behind', CASE WHEN f.state IN ('due', 'paused', 'disabled') THEN p_seq - f.cursor - 1 END,
               'reason', CASE WHEN f.state = 'disabled' THEN f.disabled_reason
                              WHEN f.state NOT IN ('delivered', 'resent') THEN coalesce(f.refusal, a.reason, 'status ' || a.status) END)
               ORDER BY f.state = 'delivered', f.id), '[]')
      FROM (SELECT s.id, s.name, c.cursor, c.due_at, c.disabled_reason,
                   (SELECT max(u.ends_at) FROM broker.deliveries u
                     WHERE u.subscription_id = s.id AND u.ends_at > broker.call_time()) AS lease_ends_at, r.due_at AS again_at, r.reason AS refusal,
                   CASE WHEN r.deleted_at IS NOT NULL THEN 'deleted'
                        WHEN r.died_at IS NOT NULL THEN 'dead'
                        WHEN r.resent_at IS NOT NULL AND r.failures = 0 THEN 'resent'
                        WHEN r.message_id IS NOT NULL THEN 'refused'
                        WHEN s.lost @> p_seq THEN 'lost'
                        WHEN p_seq <= c.cursor THEN 'delivered'
                        WHEN c.disabled_at IS NOT NULL THEN 'disabled'
                        WHEN c.paused_at IS NOT NULL THEN 'paused'
                        ELSE 'due' END AS state
              -- those that refused it, those before it and those past it, each a range of an index
              FROM (SELECT x.subscription_id AS id FROM (SELECT d.subscription_id FROM broker.redeliveries d
                                                          WHERE d.message_id = p_message_id LIMIT 100) x
                    UNION
                    SELECT x.subscription_id
                      FROM (VALUES (false), (true)) k (resting),
                           LATERAL (SELECT b.subscription_id FROM broker.cursors b
                                     WHERE b.topic_id = p_topic_id AND b.resting = k.resting AND b.cursor < p_seq
                                     ORDER BY b.cursor LIMIT 100) x
                    UNION
                    SELECT x.subscription_id
                      FROM (VALUES (false), (true)) k (resting),
                           LATERAL (SELECT b.subscription_id FROM broker.cursors b
                                     WHERE b.topic_id = p_topic_id AND b.resting = k.resting AND b.cursor >= p_seq
                                     ORDER BY b.cursor LIMIT 100) x) found
              JOIN broker.subscriptions s ON s.id = found.id
              JOIN broker.cursors c ON c.subscription_id = found.id
              LEFT JOIN LATERAL (SELECT d.* FROM broker.redeliveries d
                                  WHERE d.subscription_id = found.id AND d.message_id = p_message_id
                                  ORDER BY d.epoch DESC LIMIT 1) r ON true
             WHERE s.start_seq < p_seq OR r.message_id IS NOT NULL
             ORDER BY c.cursor >= p_seq AND r.message_id IS NULL, s.id LIMIT 100) f
      LEFT JOIN LATERAL broker.find_attempts(f.id, 'infinity', p_seq, false, 1, p_broadcast_at) a ON true
$$;
