-- Record the outcomes of requests, for plan_batches. Returns how many belonged to a current lease.
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
-- An outcome whose fence is not the subscription's was recorded before, or is older than the current lease: it is stored as
-- an attempt, and changes nothing. So is one that is not of the batch under way, which a queue kept while the database was
-- restored.
CREATE OR REPLACE FUNCTION broker.record_attempts(p_outcomes json)
RETURNS integer
LANGUAGE plpgsql
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_given        integer;
    v_current      integer;
    v_redeliveries json;
BEGIN
    WITH given AS MATERIALIZED (
        SELECT o.*, o.redelivery IS NULL AND o.action IN ('delivered', 'refused') AS passed,
               o.action = 'refused' OR o.refused IS NOT NULL OR o.redelivery IS NOT NULL AND o.action <> 'expired' AS redelivers
          FROM broker.outcomes(p_outcomes) o ORDER BY o.subscription_id  -- the order of locks
    ), ended AS (
        UPDATE broker.subscriptions s
           SET fence = s.fence + 1,  -- so that the same outcome does not count twice
               lease_ends_at = NULL,
               cursor = CASE WHEN o.passed THEN o.last_seq ELSE s.cursor END,
               batch_last_seq = CASE WHEN o.passed THEN NULL ELSE s.batch_last_seq END,
               failures = CASE WHEN o.passed THEN 0 WHEN o.redelivery IS NULL AND o.action NOT IN ('slow', 'expired') THEN s.failures + 1
                               ELSE s.failures END,
               due_at = CASE WHEN o.action = 'slow' OR o.action = 'retry' AND o.redelivery IS NULL
                             THEN broker.call_time() + make_interval(secs => o.retry_seconds)
                             WHEN o.pause_seconds IS NOT NULL
                             THEN broker.call_time() + make_interval(secs => o.pause_seconds)
                             ELSE greatest(broker.call_time(), o.started_at + interval '1 s' / s.rate_per_second) END,
               disabled_at = CASE WHEN o.action = 'disable' THEN broker.call_time() ELSE s.disabled_at END,
               disabled_reason = CASE WHEN o.action = 'disable' THEN coalesce(o.reason, 'status ' || o.status)
                                      ELSE s.disabled_reason END
          FROM given o
         WHERE s.id = ANY (ARRAY[o.subscription_id]) AND s.fence = o.fence
           AND (o.redelivery IS NOT NULL OR o.last_seq = s.batch_last_seq)  -- after a restore, a fence may come again
        RETURNING o.*
    ), noted AS (
        INSERT INTO broker.attempts (subscription_id, webhook_id, first_seq, last_seq, attempt, started_at, duration_ms, status, reason, answer)
        SELECT o.subscription_id, o.webhook_id, o.first_seq, o.last_seq, o.attempt, o.started_at, o.duration_ms, o.status, o.reason,
               o.answer
          FROM ended o WHERE o.action <> 'expired'
    )
    SELECT (SELECT count(*) FROM given), count(*), json_agg(o) FILTER (WHERE o.redelivers) INTO v_given, v_current, v_redeliveries FROM ended o;

    IF v_current < v_given THEN  -- recorded before, or older than the current lease
        INSERT INTO broker.attempts (subscription_id, webhook_id, first_seq, last_seq, attempt, started_at, duration_ms, status, reason, answer)
        SELECT o.subscription_id, o.webhook_id, o.first_seq, o.last_seq, o.attempt, o.started_at, o.duration_ms, o.status, o.reason,
               o.answer
          FROM broker.outcomes(p_outcomes) o
         WHERE o.action <> 'expired' AND EXISTS (SELECT FROM broker.subscriptions s WHERE s.id = o.subscription_id OFFSET 0)
           AND NOT EXISTS (SELECT FROM broker.attempts a
                            WHERE a.subscription_id = o.subscription_id AND a.last_seq = o.last_seq
                              AND a.webhook_id = o.webhook_id AND a.started_at = o.started_at OFFSET 0);
    END IF;
    IF v_redeliveries IS NOT NULL THEN
        PERFORM broker.create_redeliveries(v_redeliveries);
    END IF;
    RETURN v_current;
END
$$;
