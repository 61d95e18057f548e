-- Move the ready messages of a topic's queue to the end of its log, oldest first. Without a subscription nothing moves. No row
-- of a subscription is written: its cursor is then behind last_seq, which makes it due.
-- p_until: move what was ready then; null, or later: now. Messages on lease stay. p_limit: at most so many, 1 to 10,000.
-- p_skip: return at once when another broadcast of the topic is running; else wait for it. It never waits for a consumer.
-- p_open_window: open a batch window when the topic is busy, of batch_window seconds, the longer the more publishes the messages
-- came with. Until it ends publishers send no wake-up, and then the caller must broadcast again.
-- first_seq is null when nothing moved. exhausted counts messages whose receives are exhausted: they became dead letters.
-- remaining counts what was ready and is still in the queue, up to 10,001. due: something moved, or is left, or a subscription
-- that may be sent to is behind: an earlier call may have failed before it notified Dispatch. Raises MB400, MB404.
CREATE OR REPLACE FUNCTION broker.broadcast(
    p_topic text, p_until timestamptz DEFAULT NULL, p_limit integer DEFAULT 10000, p_skip boolean DEFAULT false,
    p_open_window boolean DEFAULT false)
RETURNS TABLE (messages integer, subscriptions integer, first_seq bigint, last_seq bigint, remaining integer, due boolean,
               until timestamptz, exhausted integer, batch_window double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
    v_state topic_states;
    v_floor timestamptz := '-infinity';
    v_moved timestamptz;
    v_publishes integer;  -- whose messages moved: those of one are ready at the same time
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
    subscriptions := 0;
    remaining := 0;
    exhausted := 0;
    batch_window := 0;
    due := false;
    until := least(p_until, call_time());
    IF p_skip THEN
        SELECT * INTO v_state FROM topic_states s WHERE s.topic_id = v_topic.id FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            SELECT s.last_seq INTO last_seq FROM topic_states s WHERE s.topic_id = v_topic.id;
            RETURN NEXT;
            RETURN;
        END IF;
    ELSE
        -- subscribe takes the same lock
        SELECT * INTO v_state FROM topic_states s WHERE s.topic_id = v_topic.id FOR NO KEY UPDATE;
    END IF;
    IF NOT EXISTS (SELECT FROM topics t WHERE t.id = v_topic.id AND t.deleted_at IS NULL) THEN
        RAISE EXCEPTION 'there is no topic "%"', p_topic USING ERRCODE = 'MB404';
    END IF;
    last_seq := v_state.last_seq;
    subscriptions := v_state.subscriptions;
    IF subscriptions = 0 THEN
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_open_window THEN  -- by Dispatch, which comes again; a broadcast that was asked for looks at all
        v_floor := ready_floor(v_state);
    END IF;
    PERFORM ensure_partition();

    WITH ready AS MATERIALIZED (
        SELECT q.message_id, q.ready_at, q.bytes, coalesce(q.receives >= q.max_receives, false) AS exhausted
          FROM queue q
         WHERE q.topic_id = v_topic.id AND q.died_at IS NULL AND q.ready_at <= until AND q.ready_at >= v_floor
         ORDER BY q.ready_at, q.message_id
         LIMIT p_limit
           FOR UPDATE SKIP LOCKED
    ), dead_lettered AS (
        UPDATE queue q SET died_at = call_time(), reason = 'receives exhausted'
          FROM ready r WHERE r.exhausted AND q.message_id = ANY (ARRAY[r.message_id])
    ), removed AS (
        DELETE FROM queue q USING ready r WHERE NOT r.exhausted AND q.message_id = ANY (ARRAY[r.message_id])
    ), numbered AS MATERIALIZED (
        SELECT last_seq + row_number() OVER (ORDER BY r.ready_at, r.message_id) AS seq, r.message_id, r.bytes, r.ready_at,
               EXISTS (SELECT FROM kept_messages k WHERE k.id = ANY (ARRAY[r.message_id])) AS kept
          FROM ready r WHERE NOT r.exhausted
    ), logged AS (
        INSERT INTO log (topic_id, seq, message_id, bytes, broadcast_at)
        SELECT v_topic.id, n.seq, n.message_id, n.bytes, call_time() FROM numbered n WHERE NOT n.kept
    ), logged_apart AS (
        -- their partition is removed, or about to be
        INSERT INTO kept_log (topic_id, seq, message_id, bytes, broadcast_at)
        SELECT v_topic.id, n.seq, n.message_id, n.bytes, call_time() FROM numbered n WHERE n.kept
    ), spanned AS (
        INSERT INTO log_spans (topic_id, first_seq, broadcast_at)
        SELECT v_topic.id, min(n.seq), call_time() FROM numbered n HAVING count(*) > 0
    )
    SELECT count(*), min(n.seq), coalesce(max(n.seq), last_seq), (SELECT count(*) FROM ready r WHERE r.exhausted), max(n.ready_at),
           count(DISTINCT n.ready_at)
      INTO messages, first_seq, last_seq, exhausted, v_moved, v_publishes FROM numbered n;

    IF p_open_window AND v_publishes >= 5 THEN
        batch_window := least(v_publishes * 0.005, 0.5);  -- above 200 publishes a second it grows, below it ends
        DELETE FROM batch_windows w WHERE w.topic_id = v_topic.id AND batch_window_left(w.ends_at) = 0;
        INSERT INTO batch_windows (topic_id, ends_at) VALUES (v_topic.id, clock_timestamp() + make_interval(secs => batch_window))
        ON CONFLICT DO NOTHING;
    END IF;
    IF messages > 0 THEN
        UPDATE topic_states s
           SET last_seq = broadcast.last_seq, next_due_at = least(s.next_due_at, call_time()),
               moved_until = CASE WHEN messages + exhausted = p_limit THEN v_moved ELSE until END,
               looked_at = CASE WHEN v_floor = '-infinity' THEN call_time() ELSE s.looked_at END
         WHERE s.topic_id = v_topic.id;
    END IF;
    IF NOT p_open_window OR messages + exhausted = p_limit THEN  -- else what is left is held by consumers
        SELECT count(*) INTO remaining
          FROM (SELECT FROM queue q
                 WHERE q.topic_id = v_topic.id AND q.died_at IS NULL AND q.ready_at <= until AND q.ready_at >= v_floor
                 LIMIT 10001) still_ready;
    END IF;
    due := messages + remaining > 0 OR (v_state.next_due_at <= call_time()) IS TRUE OR any_behind(v_topic.id, last_seq);
    RETURN NEXT;
END
$$;
