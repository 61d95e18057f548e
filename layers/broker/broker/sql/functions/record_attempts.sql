-- Record what came of batches. p_outcomes is an array of {"subscription_id", "fence", "webhook_id", "first_seq",
-- "last_seq", "attempt", "started_at", "duration_ms", "status", "reason", "verdict", "retry_seconds"}. delivered moves the
-- cursor behind the batch; retry waits retry_seconds and keeps the batch; disable keeps the cursor and stops. An outcome
-- whose fence is not the subscription's was recorded before, or is from before another planner took over: kept as an
-- attempt, nothing else.
-- Returns how many were of a current lease.
CREATE OR REPLACE FUNCTION broker.record_attempts(p_outcomes json)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_current integer;
BEGIN
    PERFORM FROM subscriptions s
      WHERE s.id = ANY (ARRAY(SELECT (o ->> 'subscription_id')::uuid FROM json_array_elements(p_outcomes) o))
      ORDER BY s.id FOR NO KEY UPDATE;

    WITH outcome AS MATERIALIZED (
        SELECT * FROM json_to_recordset(p_outcomes) AS o (
            subscription_id uuid, fence integer, webhook_id text, first_seq bigint, last_seq bigint, attempt integer,
            started_at timestamptz, duration_ms integer, status integer, reason text, verdict text, retry_seconds real)
    ), noted AS (
        INSERT INTO attempts (subscription_id, webhook_id, first_seq, last_seq, attempt, started_at, duration_ms, status, reason)
        SELECT o.subscription_id, o.webhook_id, o.first_seq, o.last_seq, o.attempt, o.started_at, o.duration_ms, o.status, o.reason
          FROM outcome o WHERE EXISTS (SELECT FROM subscriptions s WHERE s.id = o.subscription_id OFFSET 0)  -- one by one
    )
    UPDATE subscriptions s
       SET fence = s.fence + 1,  -- told again, it does not count again
           cursor = CASE WHEN o.verdict = 'delivered' THEN o.last_seq ELSE s.cursor END,
           batch_last_seq = CASE WHEN o.verdict = 'delivered' THEN NULL ELSE s.batch_last_seq END,
           failures = CASE WHEN o.verdict = 'delivered' THEN 0 ELSE s.failures + 1 END,
           due_at = statement_timestamp() + make_interval(secs => coalesce(o.retry_seconds, 0)),
           disabled_at = CASE WHEN o.verdict = 'disable' THEN statement_timestamp() ELSE s.disabled_at END,
           disabled_reason = CASE WHEN o.verdict = 'disable' THEN coalesce(o.reason, 'status ' || o.status)
                                  ELSE s.disabled_reason END
      FROM outcome o WHERE s.id = ANY (ARRAY[o.subscription_id]) AND s.fence = o.fence;
    GET DIAGNOSTICS v_current = ROW_COUNT;
    RETURN v_current;
END
$$;
