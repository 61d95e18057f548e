-- List what was published to a topic, broadcast and dead-lettered in each step of a time, or with p_subscription which attempts were
-- made to deliver it to that subscription. Nothing is written for it: it counts what is stored.
-- p_until: not included; null, or later: now. p_since: null: an hour before. p_step_seconds: null: about 60 steps.
-- steps: an array of {"at", "published", "broadcast", "died", "attempts", "failed", "p95_ms"}, at most 120, the oldest first; the last
-- may be shorter. What was not asked for is null; so is what has left with its partition, and what is more than p_max_rows.
-- published: without those that were deleted or cancelled since. died: those that are dead letters still.
-- exact: false: some of published are estimates, since all topics got more than p_max_rows messages. Raises MB400, MB404.
CREATE OR REPLACE FUNCTION broker.list_rates(
    p_topic text, p_since timestamptz, p_until timestamptz, p_step_seconds integer, p_subscription uuid,
    p_max_rows integer DEFAULT 50000)
RETURNS TABLE (at timestamptz, since timestamptz, until timestamptz, step_seconds integer, exact boolean, steps json)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_topic   topics := find_topic(p_topic);
    v_seconds numeric;
    v_bounds  timestamptz[];
    v_known   timestamptz;  -- from then on nothing has left with its partition
BEGIN
    IF p_subscription IS NOT NULL
       AND NOT EXISTS (SELECT FROM subscriptions s WHERE s.id = p_subscription AND s.topic_id = v_topic.id) THEN
        RAISE EXCEPTION 'the topic has no such subscription' USING ERRCODE = 'MB404';
    END IF;
    at := call_time();
    -- by the millisecond, as ids are; the present one is included
    until := date_trunc('milliseconds', least(p_until, at + interval '1 ms'));
    since := date_trunc('milliseconds', greatest(coalesce(p_since, until - interval '1 hour'), 'epoch'));
    IF since >= until THEN
        PERFORM refuse_argument('since', 'must be before until, and before now');
    END IF;
    v_seconds := extract(epoch FROM until - since);
    step_seconds := coalesce(p_step_seconds, greatest(1, round(v_seconds / 60)));
    IF v_seconds > 120 * step_seconds THEN
        PERFORM refuse_argument('step_seconds', format('must be at least %s, for 120 steps', ceil(v_seconds / 120)));
    END IF;
    v_bounds := ARRAY(SELECT least(since + n * make_interval(secs => step_seconds), until)
                        FROM generate_series(0, ceil(v_seconds / step_seconds)::integer) n);
    v_known := greatest((SELECT min(p.begins_at) FROM partitions p WHERE p.attached), at - (SELECT r.retention FROM ring r));
    IF p_subscription IS NULL THEN
        SELECT bool_and(p.exact OR v_bounds[p.nth] < v_known), json_agg(json_build_object(
                   'at', rfc3339(v_bounds[p.nth]),
                   'published', CASE WHEN v_bounds[p.nth] >= v_known THEN p.published END,
                   'broadcast', CASE WHEN v_bounds[p.nth] >= v_known THEN b.broadcast END,
                   'died', d.died, 'attempts', NULL, 'failed', NULL, 'p95_ms', NULL) ORDER BY p.nth)
          INTO exact, steps
          FROM published_by_step(v_topic.id, v_bounds, p_max_rows) p
          JOIN broadcast_by_step(v_topic.id, v_bounds) b ON b.nth = p.nth
          JOIN died_by_step(v_topic.id, v_bounds, p_max_rows) d ON d.nth = p.nth;
    ELSE
        SELECT true, json_agg(json_build_object(
                   'at', rfc3339(v_bounds[a.nth]), 'published', NULL, 'broadcast', NULL, 'died', NULL,
                   'attempts', CASE WHEN v_bounds[a.nth] >= v_known THEN a.attempts END,
                   'failed', CASE WHEN v_bounds[a.nth] >= v_known THEN a.failed END,
                   'p95_ms', CASE WHEN v_bounds[a.nth] >= v_known THEN a.p95_ms END) ORDER BY a.nth)
          INTO exact, steps FROM attempts_by_step(p_subscription, v_bounds, p_max_rows) a;
    END IF;
    RETURN NEXT;
END
$$;
