-- Return the next time at which something is due, over all topics: a batch or redelivery of a subscription, or a waiting
-- message of an auto topic. In the past when it is due now, null when nothing is pending; it may name a later time of what was
-- removed or paused since. A subscription whose request is under way is left out: Deliver sends an outcome for each job.
-- Topics that Dispatch was asked to look at become due. Topics of which nothing is due get a later next_due_at, so that
-- they are not looked at again before.
CREATE OR REPLACE FUNCTION broker.next_due()
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_under_way uuid[] := under_way();
    v_requested integer[] := ARRAY(SELECT requested_topics());
    v_busy      integer[];
    v_due       timestamptz;
    v_idle      integer[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    IF v_requested <> '{}' THEN
        v_requested := ARRAY(SELECT s.topic_id FROM topic_states s WHERE s.topic_id = ANY (v_requested) FOR NO KEY UPDATE SKIP LOCKED);
        -- a transaction that published long before its commit: see ready_floor
        UPDATE topic_states s SET next_due_at = least(s.next_due_at, call_time()), looked_at = '-infinity'
         WHERE s.topic_id = ANY (v_requested);
        DELETE FROM look_requests p WHERE p.topic_id = ANY (v_requested);
    END IF;
    v_busy := busy_topics();  -- looked at before, because a lock is written to disk
    SELECT CASE WHEN count(*) = 1000 THEN call_time() ELSE min(o.due_at) END,
           array_agg(o.topic_id) FILTER (WHERE (o.due_at > call_time()) IS NOT FALSE
                                           AND o.topic_id NOT IN (SELECT unnest(v_busy)))
      INTO v_due, v_idle
      FROM (SELECT s.topic_id, topic_due(s, v_under_way) AS due_at FROM topic_states s WHERE s.next_due_at <= call_time()
             ORDER BY s.next_due_at LIMIT 1000) o;  -- the next call goes on
    IF v_idle IS NOT NULL THEN
        v_idle := ARRAY(SELECT s.topic_id FROM topic_states s WHERE s.topic_id = ANY (v_idle) FOR NO KEY UPDATE SKIP LOCKED);
        -- asked again under the lock: something may have become due since
        UPDATE topic_states s SET next_due_at = o.due_at
          FROM (SELECT i.topic_id, topic_due(i, under_way()) AS due_at FROM topic_states i
                 WHERE i.topic_id = ANY (v_idle) AND i.topic_id NOT IN (SELECT unnest(busy_topics())) OFFSET 0) o
         WHERE s.topic_id = o.topic_id AND (o.due_at > call_time()) IS NOT FALSE;
    END IF;
    RETURN least(v_due,
        (SELECT min(c.due_at)
           FROM unnest(ARRAY[false, true]) f (failing),
                LATERAL (SELECT o.due_at FROM cursors o
                          WHERE o.failing = f.failing AND o.due_at IS NOT NULL AND o.paused_at IS NULL AND o.disabled_at IS NULL
                            AND o.subscription_id NOT IN (SELECT unnest(v_under_way))
                          ORDER BY o.due_at LIMIT 1) c),
        (SELECT greatest(c.due_at, c.redelivery_due_at) FROM cursors c
          WHERE c.redelivery_due_at IS NOT NULL AND c.paused_at IS NULL AND c.disabled_at IS NULL
            AND c.subscription_id NOT IN (SELECT unnest(v_under_way))
          ORDER BY greatest(c.due_at, c.redelivery_due_at) LIMIT 1),
        (SELECT s.next_due_at FROM topic_states s WHERE s.next_due_at > call_time() ORDER BY s.next_due_at LIMIT 1));
END
$$;
