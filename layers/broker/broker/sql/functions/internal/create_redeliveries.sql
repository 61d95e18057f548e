-- Create redeliveries for refused messages, and record the results of earlier ones. p_outcomes: as in record_attempts, all of a
-- current lease.
CREATE OR REPLACE FUNCTION broker.create_redeliveries(p_outcomes json)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO broker.redeliveries AS r (subscription_id, message_id, epoch, topic_id, seq, failures, due_at, died_at, reason)
    SELECT o.subscription_id, e.message_id, e.epoch, e.topic_id, e.seq, 1,
           broker.call_time() + make_interval(secs => coalesce(o.retry_seconds, 0)),
           CASE WHEN o.retry_seconds IS NULL THEN broker.call_time() END,
           CASE WHEN o.action = 'refused' THEN coalesce(o.reason, 'status ' || o.status) ELSE 'named as failed' END
      FROM broker.outcomes(p_outcomes) o,
           LATERAL (SELECT c.epoch, l.topic_id, l.seq, l.message_id
                      FROM broker.cursors c, broker.entries l
                     WHERE c.subscription_id = o.subscription_id
                       AND l.topic_id = c.topic_id AND l.seq BETWEEN o.first_seq AND o.last_seq
                       AND (o.action = 'refused' OR l.message_id = ANY (o.refused)) OFFSET 0) e
     WHERE o.redelivery IS NULL AND (o.action = 'refused' OR o.action = 'delivered' AND o.refused IS NOT NULL)
    ON CONFLICT (subscription_id, message_id, epoch) DO NOTHING;

    DELETE FROM broker.redeliveries r
     USING broker.outcomes(p_outcomes) o
     WHERE o.action = 'delivered'
       AND r.subscription_id = ANY (ARRAY[o.subscription_id]) AND r.message_id = ANY (ARRAY[o.redelivery]) AND r.deleted_at IS NULL;
    UPDATE broker.redeliveries r
       SET failures = r.failures + 1, reason = coalesce(o.reason, 'status ' || o.status),
           due_at = broker.call_time() + make_interval(secs => coalesce(o.retry_seconds, 0)),
           died_at = CASE WHEN o.action = 'dead' THEN broker.call_time() END
      FROM broker.outcomes(p_outcomes) o
     WHERE o.action IN ('retry', 'dead')
       AND r.subscription_id = ANY (ARRAY[o.subscription_id]) AND r.message_id = ANY (ARRAY[o.redelivery]) AND r.deleted_at IS NULL;

    UPDATE broker.cursors c
       SET redelivery_due_at = (SELECT r.due_at FROM broker.redeliveries r
                                 WHERE r.subscription_id = c.subscription_id AND r.died_at IS NULL
                                 ORDER BY r.due_at LIMIT 1)
      FROM broker.outcomes(p_outcomes) o
     WHERE c.subscription_id = ANY (ARRAY[o.subscription_id]);
END
$$;
