-- Lease up to p_max ready messages of a topic, oldest first. A lease ends by itself: nothing has to give it back.
-- p_max: 1 to 1,000. p_lease_seconds: 1 to 86,400; null: the topic's. A lease begins now, not with its statement.
-- p_auto_ack: remove the messages instead of leasing them.
-- p_floor: start at this ready_at, and so skip the index entries of rows that were removed: the oldest was_ready_at of the
-- caller's last claim, less a margin for late commits. What commits later than that is found by a call without it.
-- p_max_bytes: stop before the messages have more bytes than this together; one message always fits.
-- p_count_dead: when messages became dead letters, add a last row with their number in dead, and nothing else.
-- It never waits for another session. Raises MB400, MB404.
CREATE OR REPLACE FUNCTION broker.consume(
    p_topic text, p_max integer DEFAULT 10, p_lease_seconds integer DEFAULT NULL, p_auto_ack boolean DEFAULT false,
    p_floor timestamptz DEFAULT NULL, p_max_bytes integer DEFAULT 5500000, p_count_dead boolean DEFAULT false)
RETURNS TABLE (id uuid, receipt text, content json, sender text, key text, attributes json, created_at timestamptz,
               receives integer, lease_expires_at timestamptz, was_ready_at timestamptz, dead integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- Only index scans in nested loops, so that one plan, made once a session, holds from no rows to millions.
-- = ANY (ARRAY[id]) instead of = id: where statistics say that the queue is empty, = was planned as a walk of all ids.
-- OFFSET 0: PostgreSQL 18 scans a table in spite of enable_seqscan when it is the only partition.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic      topics := find_topic(p_topic);
    v_lease      interval := make_interval(secs => coalesce(p_lease_seconds, v_topic.lease_seconds));
    v_leased_at  timestamptz;  -- when the first message is given
    v_floor      timestamptz := CASE WHEN p_floor <= call_time() THEN p_floor ELSE '-infinity' END;  -- or the clock was set back
    v_room       bigint := p_max_bytes;
    v_given      integer := 0;  -- in all passes
    v_step       integer := 100;  -- at most so many a pass: of large messages fewer fit, and the others are locked in vain
    v_left       integer;  -- wanted from this pass
    v_locked     bigint;  -- rows that this pass locked
    v_exhausted  bigint;  -- of these, those whose receives are exhausted
    v_dead       integer := 0;  -- in all passes
    v_taken      integer;  -- of these, leased
    v_bytes      integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    IF (p_max BETWEEN 1 AND 1000) IS NOT TRUE THEN
        PERFORM refuse_argument('p_max', 'must be 1 to 1000');
    ELSIF p_lease_seconds NOT BETWEEN 1 AND 86400 THEN
        PERFORM refuse_argument('p_lease_seconds', 'must be 1 to 86400');
    ELSIF p_auto_ack IS NULL THEN
        PERFORM refuse_argument('p_auto_ack', 'must be true or false');
    ELSIF (p_max_bytes > 0) IS NOT TRUE THEN
        PERFORM refuse_argument('p_max_bytes', 'must be over 0');
    END IF;
    WHILE v_given < p_max LOOP
        v_left := least(p_max - v_given, v_step);
        v_leased_at := CASE WHEN v_given = 0 THEN clock_timestamp() ELSE v_leased_at END;
        v_taken := 0;
        FOR v_locked, v_exhausted, v_bytes, was_ready_at, receives, lease_expires_at, id, content, sender, key, attributes,
            created_at IN
            WITH ready AS MATERIALIZED (
                -- locked and limited here: in a subquery the planner may run it more than once
                SELECT q.message_id, q.ready_at, q.bytes, coalesce(q.receives >= q.max_receives, false) AS exhausted
                  FROM queue q
                 WHERE q.topic_id = v_topic.id AND q.died_at IS NULL
                   AND q.ready_at <= call_time() AND q.ready_at >= v_floor
                 ORDER BY q.ready_at, q.message_id
                 LIMIT v_left
                   FOR UPDATE SKIP LOCKED
            ), dead_lettered AS (
                -- leased_at stays: the consumer with the last lease may still settle it
                UPDATE queue q SET died_at = call_time(), reason = 'receives exhausted'
                  FROM ready r WHERE r.exhausted AND q.message_id = ANY (ARRAY[r.message_id])
            ), fitting AS MATERIALIZED (
                SELECT r.*, sum(r.bytes) OVER w AS total, row_number() OVER w AS nth
                  FROM ready r WHERE NOT r.exhausted
                WINDOW w AS (ORDER BY r.ready_at, r.message_id)
            ), taken AS MATERIALIZED (
                SELECT f.* FROM fitting f WHERE f.total <= v_room OR (f.nth = 1 AND v_given = 0)
            ), leased AS (
                UPDATE queue q
                   SET ready_at = v_leased_at + v_lease, leased_at = v_leased_at, receives = q.receives + 1,
                       first_leased_at = coalesce(q.first_leased_at, v_leased_at)
                  FROM taken t WHERE NOT p_auto_ack AND q.message_id = ANY (ARRAY[t.message_id])
                RETURNING q.message_id, t.ready_at AS was_ready_at, t.bytes, q.receives, q.ready_at
            ), removed AS (
                DELETE FROM queue q
                 USING taken t WHERE p_auto_ack AND q.message_id = ANY (ARRAY[t.message_id])
                RETURNING q.message_id, t.ready_at, t.bytes, q.receives + 1, NULL::timestamptz
            ), given AS MATERIALIZED (
                SELECT * FROM leased UNION ALL SELECT * FROM removed
            )
            SELECT c.locked, c.exhausted, g.bytes, g.was_ready_at, g.receives, g.ready_at,
                   m.id, m.content, m.sender, m.key, m.attributes, m.created_at
              FROM (SELECT count(*) AS locked, count(*) FILTER (WHERE r.exhausted) AS exhausted FROM ready r) c
              LEFT JOIN (given g CROSS JOIN LATERAL (SELECT s.* FROM contents s WHERE s.id = g.message_id LIMIT 1) m) ON true
             ORDER BY g.was_ready_at, g.message_id
        LOOP
            CONTINUE WHEN id IS NULL;
            receipt := CASE WHEN NOT p_auto_ack THEN id || '.' || receives END;
            v_taken := v_taken + 1;
            v_room := v_room - v_bytes;
            RETURN NEXT;
        END LOOP;
        v_given := v_given + v_taken;
        v_dead := v_dead + v_exhausted;
        IF v_taken > 0 THEN  -- as many as fit when they are as large as those before
            v_step := greatest(1, least(1000, v_room * v_given / greatest(1, p_max_bytes - v_room)));
        END IF;
        EXIT WHEN v_taken + v_exhausted < v_locked;  -- there is no more room
        IF v_exhausted > 0 AND v_exhausted = v_locked THEN
            -- the head of the queue may be full of them, and the next pass must not walk over them again
            SELECT coalesce(d.next_ready_at, '-infinity'), v_dead + d.dead INTO v_floor, v_dead
              FROM dead_letter_exhausted(v_topic.id, v_floor) d;
            EXIT WHEN clock_timestamp() > call_time() + interval '5 s';  -- the next call goes on
        ELSE
            EXIT WHEN v_locked < v_left;
        END IF;
    END LOOP;
    IF v_given > 0 AND NOT p_auto_ack AND v_topic.broadcast = 'auto' THEN
        PERFORM lower_next_due(v_topic.id, v_leased_at + v_lease);
    END IF;
    IF p_count_dead AND v_dead > 0 THEN
        RETURN QUERY SELECT NULL::uuid, NULL::text, NULL::json, NULL::text, NULL::text, NULL::json, NULL::timestamptz,
                            NULL::integer, NULL::timestamptz, NULL::timestamptz, v_dead;
    END IF;
END
$$;
