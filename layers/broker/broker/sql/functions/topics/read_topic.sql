-- Read a topic: its settings, what waits and since when, its dead letters, and its subscriptions.
-- waiting counts what is ready, leased and delayed; each is exact up to 10,000, and exact says whether all are.
-- oldest_ready_at is null when nothing is ready. behind is that of the subscription farthest behind. Raises MB404.
CREATE OR REPLACE FUNCTION broker.read_topic(p_topic text)
RETURNS TABLE (name text, broadcast text, lease_seconds integer, max_receives integer, dead_days integer, last_seq bigint,
               created_at timestamptz, updated_at timestamptz, waiting bigint, exact boolean, estimate bigint,
               ready bigint, leased bigint, delayed bigint, dead bigint, dead_exact boolean, dead_estimate bigint,
               oldest_ready_at timestamptz, subscriptions bigint, behind bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    RETURN QUERY
    SELECT v_topic.name, v_topic.broadcast, v_topic.lease_seconds, v_topic.max_receives, v_topic.dead_days, h.last_seq,
           v_topic.created_at, v_topic.updated_at, w.count, w.exact, w.estimate,
           r.ready, a.leased, a.ahead - a.leased, d.count, d.exact, d.estimate,
           (SELECT q.ready_at FROM queue q
             WHERE q.topic_id = v_topic.id AND q.died_at IS NULL AND q.ready_at <= call_time()
             ORDER BY q.ready_at, q.message_id LIMIT 1),
           h.subscriptions::bigint, coalesce(h.last_seq - slowest_cursor(v_topic.id), 0)
      FROM topic_states h,
           count_queue(v_topic.id, 10000, false) w, count_queue(v_topic.id, 10000, true) d,
           (SELECT count(*) AS ready
              FROM (SELECT FROM queue q WHERE q.topic_id = v_topic.id AND q.died_at IS NULL AND q.ready_at <= call_time()
                     LIMIT 10000) o) r,
           (SELECT count(*) AS ahead, count(o.leased_at) AS leased
              FROM (SELECT q.leased_at FROM queue q
                     WHERE q.topic_id = v_topic.id AND q.died_at IS NULL AND q.ready_at > call_time() LIMIT 10000) o) a
     WHERE h.topic_id = v_topic.id;
END
$$;
