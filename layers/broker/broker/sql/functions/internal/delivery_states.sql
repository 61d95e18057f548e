-- Return the state of a broadcast message at each subscription that existed at the broadcast: at most 100, undelivered ones
-- first. An array of {"subscription", "name", "state", "attempt", "attempted_at", "due_at", "behind", "reason"}.
-- state: delivered, due, refused (it is sent again on its own), dead, lost, paused or disabled.
-- attempt: the last one; null when there was none, or it was too long ago. behind: how many messages are sent before it.
CREATE OR REPLACE FUNCTION broker.delivery_states(p_topic_id integer, p_message_id uuid, p_seq bigint)
RETURNS json
LANGUAGE sql STABLE
RETURN (
    SELECT coalesce(json_agg(json_build_object(
               'subscription', f.id, 'name', f.name, 'state', f.state, 'attempt', a.attempt, 'attempted_at', a.started_at,
               'due_at', CASE f.state WHEN 'due' THEN f.due_at WHEN 'refused' THEN greatest(f.due_at, f.again_at) END,
               'behind', CASE WHEN f.state IN ('due', 'paused', 'disabled') THEN p_seq - f.cursor - 1 END,
               'reason', CASE f.state WHEN 'disabled' THEN f.disabled_reason WHEN 'delivered' THEN NULL
                                      ELSE coalesce(f.refusal, a.reason, 'status ' || a.status) END)
               ORDER BY f.state = 'delivered', f.id), '[]')
      FROM (SELECT s.id, s.name, s.cursor, s.due_at, s.disabled_reason, r.due_at AS again_at, r.reason AS refusal,
                   CASE WHEN r.died_at IS NOT NULL THEN 'dead'
                        WHEN r.message_id IS NOT NULL THEN 'refused'
                        WHEN s.lost @> p_seq THEN 'lost'
                        WHEN p_seq <= s.cursor THEN 'delivered'
                        WHEN s.disabled_at IS NOT NULL THEN 'disabled'
                        WHEN s.paused_at IS NOT NULL THEN 'paused'
                        ELSE 'due' END AS state
              FROM broker.subscriptions s
              LEFT JOIN broker.redeliveries r ON r.subscription_id = s.id AND r.message_id = p_message_id
             WHERE s.topic_id = p_topic_id AND s.start_seq < p_seq
             ORDER BY s.cursor >= p_seq AND r.message_id IS NULL, s.id LIMIT 100) f
      LEFT JOIN LATERAL (
          SELECT t.attempt, t.started_at, t.status, t.reason
            FROM (SELECT x.* FROM broker.attempts x WHERE x.subscription_id = f.id AND x.last_seq >= p_seq
                   ORDER BY x.last_seq LIMIT 200) t
           WHERE t.first_seq <= p_seq ORDER BY t.id DESC LIMIT 1) a ON true);
