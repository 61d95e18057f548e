-- Find the attempts of a subscription, the newest first, that started before p_until. p_seq: only those that sent this seq, and of
-- its batches those from p_from on. p_failed: only those without a response of 2xx, and those with a reason.
CREATE OR REPLACE FUNCTION broker.find_attempts(
    p_subscription_id uuid, p_until timestamptz, p_seq bigint, p_failed boolean, p_limit integer,
    p_from timestamptz DEFAULT '-infinity')
RETURNS SETOF broker.attempts
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
BEGIN
    IF p_seq IS NOT NULL THEN
        RETURN QUERY
        SELECT w.*
          FROM (SELECT b.*
                  FROM broker.cursors c, generate_series(1, c.epoch) e (epoch),
                       LATERAL broker.batch_attempts(p_subscription_id, e.epoch, p_seq, p_from) b
                 WHERE c.subscription_id = p_subscription_id
                 UNION ALL
                SELECT a.* FROM broker.attempts a
                 WHERE a.subscription_id = p_subscription_id AND a.first_seq = p_seq AND a.digest IS NULL) w
         WHERE w.started_at < p_until
           AND (NOT p_failed OR (w.status BETWEEN 200 AND 299 AND w.reason IS NULL) IS NOT TRUE)
         ORDER BY w.started_at DESC LIMIT p_limit;
    ELSIF p_failed THEN
        RETURN QUERY
        SELECT a.* FROM broker.attempts a
         WHERE a.subscription_id = p_subscription_id AND a.started_at < p_until
           AND (a.status BETWEEN 200 AND 299 AND a.reason IS NULL) IS NOT TRUE
         ORDER BY a.started_at DESC LIMIT p_limit;
    ELSE
        RETURN QUERY
        SELECT a.* FROM broker.attempts a
         WHERE a.subscription_id = p_subscription_id AND a.started_at < p_until
         ORDER BY a.started_at DESC LIMIT p_limit;
    END IF;
END
$$;
