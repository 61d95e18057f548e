-- Move the ready messages of a topic's queue to the end of its log, oldest first. Without a subscription nothing moves. No row
-- of a subscription is written: its cursor is then behind last_seq, which makes it due.
-- p_until: move what was ready then; null, or later: now. Messages on lease stay.
-- p_limit: move at most so many, 1 to 10,000.
-- p_skip: return at once when another broadcast of the topic is running; else wait for it. It never waits for a consumer.
-- p_open_window: open a batch window when the topic is busy, of batch_window seconds, the longer the more was moved. Until
-- it ends publishers send no wake-up, and then the caller must broadcast again.
-- first_seq is null when nothing moved. exhausted counts messages whose receives are exhausted: they became dead letters.
-- remaining counts what was ready and is still in the queue, up to 10,001.
-- due: something moved, or is left, or a subscription that may be sent to is behind or has a redelivery: an earlier call may
-- have failed before it notified Dispatch. Raises MB400, MB404.
CREATE OR REPLACE FUNCTION broker.broadcast(
    p_topic text, p_until timestamptz DEFAULT NULL, p_limit integer DEFAULT 10000, p_skip boolean DEFAULT false,
    p_open_window boolean DEFAULT false)
RETURNS TABLE (messages integer, subscriptions integer, first_seq bigint, last_seq bigint, remaining integer, due boolean,
               until timestamptz, exhausted integer, batch_window double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    IF (p_limit BETWEEN 1 AND 10000) IS NOT TRUE THEN
        PERFORM refuse_argument('p_limit', 'must be 1 to 10000');
    ELSIF p_skip IS NULL OR p_open_window IS NULL THEN
        PERFORM refuse_argument(CASE WHEN p_skip IS NULL THEN 'p_skip' ELSE 'p_open_window' END, 'must be true or false');
    END IF;
    messages := 0;
    remaining := 0;
    exhausted := 0;
    batch_window := 0;
    due := false;
    last_seq := v_topic.last_seq;
    until := least(p_until, call_time());
    IF p_skip THEN
        PERFORM FROM topics t WHERE t.id = v_topic.id FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;
    -- not FOR UPDATE, which would also block a session that shares the row's key; subscribe takes the same lock
    SELECT t.last_seq INTO last_seq FROM topics t WHERE t.id = v_topic.id AND t.deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no topic "%"', p_topic USING ERRCODE = 'MB404';
    END IF;
    SELECT count(*) INTO subscriptions FROM subscriptions s WHERE s.topic_id = v_topic.id;
    IF subscriptions = 0 THEN
        RETURN NEXT;
        RETURN;
    END IF;

    WITH ready AS MATERIALIZED (
        SELECT q.message_id, q.ready_at, q.bytes, coalesce(q.receives >= q.max_receives, false) AS exhausted
          FROM queue q
         WHERE q.topic_id = v_topic.id AND q.died_at IS NULL AND q.ready_at <= until
         ORDER BY q.ready_at, q.message_id
         LIMIT p_limit
           FOR UPDATE SKIP LOCKED
    ), dead_lettered AS (
        UPDATE queue q SET died_at = call_time(), reason = 'receives exhausted'
          FROM ready r WHERE r.exhausted AND q.message_id = ANY (ARRAY[r.message_id])
    ), removed AS (
        DELETE FROM queue q USING ready r WHERE NOT r.exhausted AND q.message_id = ANY (ARRAY[r.message_id])
    ), numbered AS MATERIALIZED (
        SELECT last_seq + row_number() OVER (ORDER BY r.ready_at, r.message_id) AS seq, r.message_id, r.bytes
          FROM ready r WHERE NOT r.exhausted
    ), logged AS (
        INSERT INTO log (topic_id, seq, message_id, bytes)
        SELECT v_topic.id, n.seq, n.message_id, n.bytes FROM numbered n
    ), spanned AS (
        INSERT INTO log_spans (topic_id, first_seq, last_seq, first_id, last_id, broadcast_at)
        SELECT v_topic.id, min(n.seq), max(n.seq), min(n.message_id::text)::uuid, max(n.message_id::text)::uuid,
               call_time()
          FROM numbered n HAVING count(*) > 0
    )
    SELECT count(*), min(n.seq), coalesce(max(n.seq), last_seq), (SELECT count(*) FROM ready r WHERE r.exhausted)
      INTO messages, first_seq, last_seq, exhausted FROM numbered n;

    IF p_open_window AND messages >= 5 THEN
        batch_window := least(messages * 0.005, 0.5);  -- above 200 messages a second it grows, below it ends
    END IF;
    UPDATE topics t
       SET last_seq = broadcast.last_seq, next_due_at = call_time(),
           batch_window_until = CASE WHEN batch_window > 0 THEN clock_timestamp() + make_interval(secs => batch_window)
                                ELSE t.batch_window_until END
     WHERE t.id = v_topic.id AND messages > 0;
    SELECT count(*) INTO remaining
      FROM (SELECT FROM queue q
             WHERE q.topic_id = v_topic.id AND q.died_at IS NULL AND q.ready_at <= until LIMIT 10001) still_ready;
    due := messages > 0 OR remaining > 0
           OR EXISTS (SELECT FROM subscriptions s
                       WHERE s.topic_id = v_topic.id AND s.paused_at IS NULL AND s.disabled_at IS NULL
                         AND (s.cursor < broadcast.last_seq OR s.redelivery_due_at IS NOT NULL));
    RETURN NEXT;
END
$$;
