-- Record the outcomes of requests, for plan_batches. Returns the subscriptions whose request has ended: the caller must lease those
-- that are behind, or give them a time.
-- p_outcomes: an array of {"subscription_id", "fence", "webhook_id", "first_seq", "last_seq", "attempt", "started_at",
-- "duration_ms", "status", "reason", "answer", "action", "retry_seconds", "refused", "redelivery", "pause_seconds"}.
-- redelivery is the message, when the request was one; pause_seconds is how long nothing else is sent after it.
-- action, of a batch:
--   delivered  the cursor moves past it; the messages that refused names become redeliveries
--   refused    the cursor moves past it; all its messages become redeliveries, dead ones when retry_seconds is null
--   retry      the batch waits retry_seconds, and counts one failure more
--   slow       the batch waits retry_seconds, and counts no failure
--   disable    the cursor stays, and nothing more is sent
-- action, of a redelivery: delivered (it is removed), retry, slow, dead, disable.
-- action, of both: expired    nothing was posted; it is due at once, counts no failure, and is no attempt
-- An outcome whose fence is of no request under way was recorded before, or another planner has taken its lease over: it is stored
-- as an attempt, once, and changes nothing. So it is with each test: its fence is 0.
CREATE OR REPLACE FUNCTION broker.record_attempts(p_outcomes json)
RETURNS uuid[]
LANGUAGE plpgsql AS $$
DECLARE
    v_partition    broker.partitions := broker.ensure_partition();
    v_given        integer;
    v_current      integer;
    v_ended        uuid[];
    v_redeliveries json;
BEGIN
    WITH given AS MATERIALIZED (
        SELECT o.*, o.redelivery IS NULL AND o.action IN ('delivered', 'refused') AS passed,
               o.action = 'refused' OR o.refused IS NOT NULL OR o.redelivery IS NOT NULL AND o.action <> 'expired' AS redelivers,
               o.started_at + interval '1 s' / s.rate_per_second AS rate_due_at
          FROM broker.outcomes(p_outcomes) o, broker.subscriptions s
         WHERE s.id = ANY (ARRAY[o.subscription_id])
    ), current AS MATERIALIZED (
        DELETE FROM broker.deliveries d
         USING given o
         -- the second = without ANY: before PostgreSQL 17 that would filter all deliveries that end at once
         WHERE d.ends_at = ANY (ARRAY[broker.from_microseconds(o.fence)]) AND d.subscription_id = o.subscription_id
           AND (o.redelivery IS NOT NULL OR o.last_seq = d.last_seq)
        RETURNING o.*
    ), ended AS (
        UPDATE broker.cursors c
           SET cursor = CASE WHEN o.passed THEN o.last_seq ELSE c.cursor END,
               batch_last_seq = CASE WHEN o.passed THEN NULL WHEN o.redelivery IS NULL THEN o.last_seq ELSE c.batch_last_seq END,
               failures = CASE WHEN o.passed THEN 0
                               WHEN o.redelivery IS NULL AND o.action NOT IN ('slow', 'expired') THEN c.failures + 1
                               ELSE c.failures END,
               redelivered = o.redelivery IS NOT NULL,
               due_at = CASE WHEN o.action = 'slow' OR o.action = 'retry' AND o.redelivery IS NULL
                             THEN broker.call_time() + make_interval(secs => o.retry_seconds)
                             WHEN o.pause_seconds IS NOT NULL
                             THEN broker.call_time() + make_interval(secs => o.pause_seconds)
                             WHEN o.rate_due_at > broker.call_time() THEN o.rate_due_at END,
               disabled_at = CASE WHEN o.action = 'disable' THEN broker.call_time() ELSE c.disabled_at END,
               disabled_reason = CASE WHEN o.action = 'disable' THEN coalesce(o.reason, 'status ' || o.status)
                                      ELSE c.disabled_reason END
          FROM (SELECT u.* FROM current u ORDER BY u.subscription_id) o  -- the order of locks
         WHERE c.subscription_id = ANY (ARRAY[o.subscription_id])
           AND (o.redelivery IS NOT NULL OR c.cursor = o.first_seq - 1)  -- its backlog may have expired at this moment
        RETURNING o.*
    ), noted AS (
        INSERT INTO broker.attempts (subscription_id, started_at, first_seq, last_seq, message_id, digest, epoch, duration_ms,
                                     attempt, status, reason, answer)
        SELECT o.subscription_id, CASE WHEN o.started_at >= v_partition.begins_at AND o.started_at < v_partition.ends_at THEN o.started_at
                                       ELSE broker.storable_time(o.started_at) END, o.first_seq, o.last_seq,
               w.message_id, w.digest, w.epoch, o.duration_ms, o.attempt, o.status, o.reason, o.answer
          FROM current o, broker.webhook_id_parts(o.webhook_id) w WHERE o.action <> 'expired'
    )
    SELECT (SELECT count(*) FROM given), (SELECT count(*) FROM current), coalesce(array_agg(e.subscription_id), '{}'),
           json_agg(e) FILTER (WHERE e.redelivers)
      INTO v_given, v_current, v_ended, v_redeliveries FROM ended e;

    IF v_current < v_given THEN  -- recorded before, or another planner has taken the lease over
        INSERT INTO broker.attempts (subscription_id, started_at, first_seq, last_seq, message_id, digest, epoch, duration_ms,
                                     attempt, status, reason, answer)
        SELECT o.subscription_id, CASE WHEN o.started_at >= v_partition.begins_at AND o.started_at < v_partition.ends_at THEN o.started_at
                                       ELSE broker.storable_time(o.started_at) END, o.first_seq, o.last_seq,
               w.message_id, w.digest, w.epoch, o.duration_ms, o.attempt, o.status, o.reason, o.answer
          FROM broker.outcomes(p_outcomes) o, broker.webhook_id_parts(o.webhook_id) w
         WHERE o.action <> 'expired' AND EXISTS (SELECT FROM broker.subscriptions s WHERE s.id = o.subscription_id OFFSET 0)
         ORDER BY o.subscription_id
        ON CONFLICT (subscription_id, started_at) DO NOTHING;
    END IF;
    IF v_redeliveries IS NOT NULL THEN
        PERFORM broker.create_redeliveries(v_redeliveries);
    END IF;
    RETURN v_ended;
END
$$;
