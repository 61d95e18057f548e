-- End leases by receipts that were checked before: by settle, or by the function that HTTP calls. See settle. dead counts those
-- that became dead letters: they were rejected, or released and their receives are exhausted.
-- Raises MB404. Raises MB400, with the faults as JSON in its DETAIL, when a receipt belongs to another topic or is listed more
-- than once.
CREATE OR REPLACE FUNCTION broker.settle_unchecked(p_topic text, p_receipts json)
RETURNS TABLE (acked integer, released integer, extended integer, rejected integer, gone text[], stale text[],
               dead integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic    topics := find_topic(p_topic);
    v_now      timestamptz;
    v_ready_at timestamptz;  -- of the first that returns
    v_faults   json;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    -- in message_id order, or two settles that share messages could deadlock; and in a statement of its own, so that the
    -- next one sees what the sessions that held these rows have committed
    PERFORM FROM queue q
      WHERE q.message_id = ANY (ARRAY(SELECT r.message_id FROM receipts(p_receipts) r))
      ORDER BY q.message_id FOR UPDATE;
    v_now := clock_timestamp();  -- it may have waited for seconds

    WITH settled AS MATERIALIZED (
        SELECT r.*,
               CASE WHEN q.message_id IS NULL THEN 'gone'
                    WHEN q.topic_id <> v_topic.id THEN 'foreign'
                    WHEN q.receives > r.fence THEN 'stale'
                    WHEN q.receives < r.fence OR q.leased_at IS NULL THEN 'gone'
                    ELSE r.verb END AS result,
               CASE WHEN r.verb = 'extend' OR r.seconds > 0
                    THEN v_now + make_interval(secs => coalesce(r.seconds, v_topic.lease_seconds))
                    ELSE call_time() END AS ready_at,
               r.verb = 'reject' OR r.verb = 'release' AND q.receives >= q.max_receives AS dies,
               row_number() OVER (PARTITION BY r.receipt ORDER BY r.pointer) > 1 AS repeated
          FROM receipts(p_receipts) r LEFT JOIN queue q ON q.message_id = ANY (ARRAY[r.message_id])
    ), removed AS (
        DELETE FROM queue q USING settled s WHERE s.result = 'ack' AND q.message_id = ANY (ARRAY[s.message_id])
    ), updated AS (
        UPDATE queue q
           SET ready_at = s.ready_at,
               leased_at = CASE WHEN s.result = 'extend' THEN q.leased_at END,
               died_at = CASE WHEN s.dies THEN call_time() END,
               reason = CASE WHEN s.result = 'reject' THEN coalesce(s.reason, 'rejected')
                             WHEN s.dies THEN 'receives exhausted' END
          FROM settled s
         WHERE s.result IN ('release', 'extend', 'reject') AND q.message_id = ANY (ARRAY[s.message_id])
    )
    SELECT count(*) FILTER (WHERE s.result = 'ack'), count(*) FILTER (WHERE s.result = 'release'),
           count(*) FILTER (WHERE s.result = 'extend'), count(*) FILTER (WHERE s.result = 'reject'),
           coalesce(array_agg(s.receipt) FILTER (WHERE s.result = 'gone'), '{}'),
           coalesce(array_agg(s.receipt) FILTER (WHERE s.result = 'stale'), '{}'),
           json_agg(json_build_object('pointer', s.pointer, 'detail', CASE WHEN s.repeated THEN 'receipt is listed more than once'
                                                                           ELSE 'receipt belongs to another topic' END))
               FILTER (WHERE s.repeated OR s.result = 'foreign'),
           min(s.ready_at) FILTER (WHERE s.result IN ('release', 'extend')),
           count(*) FILTER (WHERE s.dies AND s.result IN ('release', 'reject'))
      INTO acked, released, extended, rejected, gone, stale, v_faults, v_ready_at, dead
      FROM settled s;
    IF v_faults IS NOT NULL THEN
        RAISE EXCEPTION 'nothing was settled' USING ERRCODE = 'MB400', DETAIL = v_faults;
    END IF;
    IF v_ready_at IS NOT NULL AND v_topic.broadcast = 'auto' THEN
        PERFORM lower_next_due(v_topic.id, v_ready_at);
    END IF;
    RETURN NEXT;
END
$$;
