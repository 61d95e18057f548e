-- Lock up to p_limit subscriptions that are due, at most p_failing of them such as failed last time. Those that another planner
-- has locked, and those of p_under_way, whose request is under way, are left out. First come those with a time of their own, the
-- longest due first; then resting ones that are behind, topic by topic in random order, so that none waits long behind another; at last those of
-- p_ended, which the caller has locked. What is left of these, for want of room, gets a time.
CREATE OR REPLACE FUNCTION broker.due_subscriptions(p_limit integer, p_failing integer, p_under_way uuid[], p_ended uuid[])
RETURNS uuid[]
LANGUAGE plpgsql AS $$
DECLARE
    v_due       uuid[] := '{}';
    v_failing   boolean;
    v_ended     uuid[];
    v_left      integer;
    v_topic_id  integer;
BEGIN
    FOREACH v_failing IN ARRAY ARRAY[false, true] LOOP
        v_due := v_due || ARRAY(
            SELECT c.subscription_id FROM broker.cursors c
             WHERE c.failing = v_failing AND c.due_at <= broker.call_time() AND c.paused_at IS NULL AND c.disabled_at IS NULL
               AND c.subscription_id NOT IN (SELECT unnest(p_under_way))
             ORDER BY c.due_at
             LIMIT greatest(CASE WHEN v_failing THEN least(p_failing, p_limit - cardinality(v_due)) ELSE p_limit END, 0)
               FOR NO KEY UPDATE SKIP LOCKED);
    END LOOP;
    v_due := v_due || ARRAY(
        SELECT c.subscription_id FROM broker.cursors c
         WHERE greatest(c.due_at, c.redelivery_due_at) <= broker.call_time() AND c.redelivery_due_at IS NOT NULL
           AND c.paused_at IS NULL AND c.disabled_at IS NULL AND c.due_at IS NULL  -- the others were looked at above
           AND c.subscription_id NOT IN (SELECT unnest(p_under_way))
         ORDER BY greatest(c.due_at, c.redelivery_due_at) LIMIT greatest(p_limit - cardinality(v_due), 0)
           FOR NO KEY UPDATE SKIP LOCKED);
    FOR v_topic_id IN
        -- the longest due, but more than may have a request under way: those stay due
        SELECT t.topic_id
          FROM (SELECT s.topic_id FROM broker.topic_states s WHERE s.next_due_at <= broker.call_time()
                 ORDER BY s.next_due_at LIMIT 2000) t
         ORDER BY random()
    LOOP
        EXIT WHEN cardinality(v_due) >= p_limit;
        v_due := v_due || ARRAY(
            SELECT c.subscription_id FROM broker.topic_states s JOIN broker.cursors c ON c.topic_id = s.topic_id
             WHERE s.topic_id = v_topic_id AND c.resting AND c.cursor < s.last_seq
               AND c.subscription_id NOT IN (SELECT unnest(p_under_way)) AND c.subscription_id <> ALL (v_due)
             LIMIT p_limit - cardinality(v_due) FOR NO KEY UPDATE OF c SKIP LOCKED);
    END LOOP;
    IF NOT p_ended <@ v_due THEN
        v_ended := ARRAY(
            -- OFFSET 0: each by its id, or with the statistics of empty tables all of its topic were read for each
            SELECT c.subscription_id
              FROM unnest(p_ended) e (id),
                   LATERAL (SELECT x.* FROM broker.cursors x WHERE x.subscription_id = ANY (ARRAY[e.id]) OFFSET 0) c,
                   broker.topic_states s
             WHERE s.topic_id = ANY (ARRAY[c.topic_id]) AND c.resting AND c.cursor < s.last_seq AND e.id <> ALL (v_due));
        v_left := greatest(p_limit - cardinality(v_due), 0);
        v_due := v_due || v_ended[1:v_left];
        IF cardinality(v_ended) > v_left THEN
            UPDATE broker.cursors c SET due_at = broker.call_time() WHERE c.subscription_id = ANY (v_ended[v_left + 1:]);
        END IF;
    END IF;
    IF v_due <> '{}' THEN
        -- once more now that they are locked: another planner may have leased some of them since
        v_due := ARRAY(SELECT d FROM unnest(v_due) d
                        WHERE d NOT IN (SELECT x.subscription_id FROM broker.deliveries x WHERE x.ends_at > broker.call_time()));
    END IF;
    RETURN v_due;
END
$$;
