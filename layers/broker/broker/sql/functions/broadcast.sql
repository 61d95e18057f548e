-- Move what is ready in a topic's queue to the end of its log: up to p_limit messages that were ready at p_until (by
-- default now), oldest first. Without a subscription nothing moves. It writes no row for a subscription: their cursors
-- are behind by themselves. Waits for another broadcast of the topic, or with p_skip leaves it all to that one; never for
-- a consumer. first_seq is null when nothing moved; buried counts what was out of receives; remaining counts what was ready
-- and is still there, up to 10,001. With p_watch a busy topic is watched for watched_for seconds, the longer
-- the more there was: the caller looks at it again after that, and until then whoever publishes wakes nobody. Raises BR404.
CREATE OR REPLACE FUNCTION broker.broadcast(
    p_topic text, p_until timestamptz DEFAULT NULL, p_limit integer DEFAULT 10000, p_skip boolean DEFAULT false,
    p_watch boolean DEFAULT false)
RETURNS TABLE (messages integer, subscriptions integer, first_seq bigint, last_seq bigint, remaining integer, until timestamptz,
               buried integer, watched_for double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    messages := 0;
    remaining := 0;
    buried := 0;
    watched_for := 0;
    last_seq := v_topic.last_seq;
    until := coalesce(p_until, statement_timestamp());
    IF p_skip THEN
        PERFORM FROM topics t WHERE t.id = v_topic.id FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;
    -- not FOR UPDATE: that would also hold up whoever shares the row's key; subscribe takes the same lock
    SELECT t.last_seq INTO last_seq FROM topics t WHERE t.id = v_topic.id AND t.deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no topic "%"', p_topic USING ERRCODE = 'BR404';
    END IF;
    SELECT count(*) INTO subscriptions FROM subscriptions s WHERE s.topic_id = v_topic.id;
    IF subscriptions = 0 THEN
        RETURN NEXT;
        RETURN;
    END IF;

    WITH ready AS MATERIALIZED (
        SELECT q.message_id, q.ready_at, q.bytes, coalesce(q.receives >= q.max_receives, false) AS spent
          FROM queue q
         WHERE q.topic_id = v_topic.id AND q.died_at IS NULL AND q.ready_at <= until
         ORDER BY q.ready_at, q.message_id
         LIMIT p_limit
           FOR UPDATE SKIP LOCKED
    ), buried AS (
        UPDATE queue q SET died_at = statement_timestamp(), reason = 'out of receives'
          FROM ready r WHERE r.spent AND q.message_id = ANY (ARRAY[r.message_id])
    ), removed AS (
        DELETE FROM queue q USING ready r WHERE NOT r.spent AND q.message_id = ANY (ARRAY[r.message_id])
    ), numbered AS MATERIALIZED (
        SELECT last_seq + row_number() OVER (ORDER BY r.ready_at, r.message_id) AS seq, r.message_id, r.bytes
          FROM ready r WHERE NOT r.spent
    ), logged AS (
        INSERT INTO log (topic_id, seq, message_id, bytes)
        SELECT v_topic.id, n.seq, n.message_id, n.bytes FROM numbered n
    ), spanned AS (
        INSERT INTO log_spans (topic_id, first_seq, last_seq, first_id, last_id, broadcast_at)
        SELECT v_topic.id, min(n.seq), max(n.seq), min(n.message_id::text)::uuid, max(n.message_id::text)::uuid,
               statement_timestamp()
          FROM numbered n HAVING count(*) > 0
    )
    SELECT count(*), min(n.seq), coalesce(max(n.seq), last_seq), (SELECT count(*) FROM ready r WHERE r.spent)
      INTO messages, first_seq, last_seq, buried FROM numbered n;

    IF p_watch AND messages >= 5 THEN
        watched_for := least(messages * 0.005, 0.5);  -- from 200 a second on it grows, below it ends
    END IF;
    UPDATE topics t
       SET last_seq = broadcast.last_seq, due_from = statement_timestamp(),
           watched_until = CASE WHEN watched_for > 0 THEN clock_timestamp() + make_interval(secs => watched_for)
                                ELSE t.watched_until END
     WHERE t.id = v_topic.id AND messages > 0;
    SELECT count(*) INTO remaining
      FROM (SELECT FROM queue q
             WHERE q.topic_id = v_topic.id AND q.died_at IS NULL AND q.ready_at <= until LIMIT 10001) still_ready;
    RETURN NEXT;
END
$$;
