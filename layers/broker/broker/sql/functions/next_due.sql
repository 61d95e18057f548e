-- When something is due next, of all topics: a batch or redelivery of a subscription, or a message of an auto topic that
-- waits to be moved; of a topic that is watched not before a second after who watches it should have come. In the past when
-- it is due now, null when nothing is owed.
CREATE OR REPLACE FUNCTION broker.next_due()
RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = broker, pg_temp
RETURN least(
    (SELECT min(CASE WHEN s.cursor < t.last_seq THEN s.due_at ELSE greatest(s.due_at, s.redelivery_due_at) END)
       FROM broker.subscriptions s JOIN broker.topics t ON t.id = s.topic_id
      WHERE t.deleted_at IS NULL AND s.paused_at IS NULL AND s.disabled_at IS NULL
        AND (s.cursor < t.last_seq OR s.redelivery_due_at IS NOT NULL)),
    (SELECT min(CASE WHEN t.watched_until > clock_timestamp() THEN t.watched_until + interval '1 s' ELSE first.ready_at END)
       FROM broker.topics t
       LEFT JOIN LATERAL (SELECT q.ready_at FROM broker.queue q WHERE q.topic_id = t.id AND q.died_at IS NULL
                           ORDER BY q.ready_at, q.message_id LIMIT 1) first ON true
      WHERE t.broadcast = 'auto' AND t.deleted_at IS NULL
        AND EXISTS (SELECT FROM broker.subscriptions s WHERE s.topic_id = t.id)));
