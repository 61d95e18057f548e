-- Count the attempts of a subscription in each step, and those of them that failed. p_bounds: the beginning of each step, and the
-- end of the last. p95_ms: of 100 attempts 95 took as long at most, among the latest 100 of the step; null without attempts.
-- At most p_max_rows are counted, the newest; all are null in steps that hold older ones.
CREATE OR REPLACE FUNCTION broker.attempts_by_step(p_subscription_id uuid, p_bounds timestamptz[], p_max_rows integer)
RETURNS TABLE (nth integer, attempts bigint, failed bigint, p95_ms integer)
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    v_left bigint := p_max_rows;
BEGIN
    FOR v_nth IN REVERSE cardinality(p_bounds) - 1 .. 1 LOOP
        nth := v_nth;
        attempts := NULL;
        failed := NULL;
        p95_ms := NULL;
        IF v_left >= 0 THEN
            SELECT count(*) INTO attempts
              FROM (SELECT FROM broker.attempts a
                     WHERE a.subscription_id = p_subscription_id
                       AND a.started_at >= p_bounds[nth] AND a.started_at < p_bounds[nth + 1] LIMIT v_left + 1) r;
            v_left := v_left - attempts;
        END IF;
        IF v_left < 0 THEN
            attempts := NULL;
        ELSE
            SELECT count(*) INTO failed
              FROM broker.attempts a
             WHERE a.subscription_id = p_subscription_id AND a.started_at >= p_bounds[nth] AND a.started_at < p_bounds[nth + 1]
               AND (a.status BETWEEN 200 AND 299 AND a.reason IS NULL) IS NOT TRUE;
            SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY r.duration_ms) INTO p95_ms
              FROM (SELECT a.duration_ms FROM broker.attempts a
                     WHERE a.subscription_id = p_subscription_id
                       AND a.started_at >= p_bounds[nth] AND a.started_at < p_bounds[nth + 1]
                     ORDER BY a.started_at DESC LIMIT 100) r;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
