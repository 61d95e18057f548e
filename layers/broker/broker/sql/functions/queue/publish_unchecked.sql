-- Store messages that were checked before: by publish_batch, or by the function that HTTP calls. See publish_batch.
-- p_token_id: the caller's token; an idempotency key belongs to its topic and the token, and a new topic counts for it.
-- p_fingerprint: a digest of the request, when there is an idempotency key.
-- Raises MB400 for a message of more than 262,144 bytes, or when the name of a new topic is not valid; MB409 when the token has
-- made too many topics; MB422 for a key that was used with another fingerprint.
CREATE OR REPLACE FUNCTION broker.publish_unchecked(
    p_topic text, p_messages json, p_sender text, p_token_id uuid, p_idempotency_key text DEFAULT NULL,
    p_fingerprint bytea DEFAULT NULL)
RETURNS TABLE (ids uuid[], auto boolean, batch_window real, replayed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- by index only: see consume.sql. Each SET costs a publish a microsecond, so there is one
SET enable_seqscan = off
AS $$
DECLARE
    v_now        timestamptz;
    v_topic_id   integer;
    v_fits       boolean;
    v_ticks      bigint;
    v_count      integer;
    v_earlier    uuid[];
    v_message    json;
    v_sender     text;
    v_key        text;
    v_attributes json;
    v_stands     boolean;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    replayed := false;
    batch_window := 0;
    LOOP
        v_now := clock_timestamp();  -- read once: the clock may be set between the look for a partition and the insert
        -- Held until the commit, so that the topic is not deleted as empty while a message is about to appear in it. Topics share
        -- 1,024 keys: a transaction that publishes to more topics must not use up the server's lock table.
        SELECT t.id, t.broadcast = 'auto',
               EXISTS (SELECT FROM partitions p WHERE p.attached AND p.begins_at <= v_now
                                                  AND p.ends_at > v_now + interval '1 minute')
          INTO v_topic_id, auto, v_fits
          FROM topics t, LATERAL pg_advisory_xact_lock_shared(hashtext('broker.topics'), t.id % 1024)
         WHERE t.name = p_topic AND t.deleted_at IS NULL;
        IF NOT FOUND THEN
            PERFORM ensure_topic(p_topic, p_token_id);
            CONTINUE;
        END IF;
        IF auto THEN
            batch_window := batch_window_left((SELECT w.ends_at FROM batch_windows w
                                                WHERE w.topic_id = v_topic_id ORDER BY w.ends_at DESC LIMIT 1));
        END IF;
        IF NOT v_fits THEN  -- into one partition, for the next minute
            PERFORM ensure_partitions(v_now, v_now + interval '1 minute');
        END IF;
        v_ticks := ticks(v_now);
        v_count := json_array_length(p_messages);
        IF p_idempotency_key IS NOT NULL THEN
            ids := ARRAY(SELECT uuidv7(v_ticks + n) FROM generate_series(1, v_count) n);
            v_earlier := claim_idempotency_key(v_topic_id, p_token_id, p_idempotency_key, p_fingerprint, ids);
            replayed := v_earlier IS NOT NULL;
            IF replayed THEN
                ids := v_earlier;
                EXIT;
            END IF;
        END IF;

        -- The inserting statement reads the topic again: it may have been deleted before the lock was granted.
        IF v_count = 1 THEN  -- as in most requests; plain statements start faster
            v_message := p_messages -> 0;
            v_sender := coalesce(v_message ->> 'sender', p_sender);
            v_key := v_message ->> 'key';
            v_attributes := non_null(v_message -> 'attributes');
            IF given_bytes(v_message -> 'content', v_attributes, v_message ->> 'sender', v_key) > 262144 THEN
                PERFORM refuse_too_large(1);
            END IF;
            IF ids IS NULL THEN
                ids := ARRAY[uuidv7(v_ticks)];
            END IF;
            INSERT INTO queue (message_id, topic_id, ready_at, max_receives, bytes, lane)
            SELECT ids[1], t.id, call_time(), t.max_receives,
                   message_bytes(v_message -> 'content', v_attributes, v_sender, v_key), lane(v_key)
              FROM topics t WHERE t.id = v_topic_id AND t.deleted_at IS NULL;
            CONTINUE WHEN NOT FOUND;
            INSERT INTO messages (id, topic_id, content, sender, key, attributes, created_at)
            VALUES (ids[1], v_topic_id, v_message -> 'content', v_sender, v_key, v_attributes, call_time());
            EXIT;
        END IF;
        WITH parsed AS MATERIALIZED (
            SELECT coalesce(ids[n], broker.uuidv7(v_ticks + n)) AS id, n, e -> 'content' AS content, e ->> 'sender' AS sender, e ->> 'key' AS key,
                   non_null(e -> 'attributes') AS attributes
              FROM json_array_elements(p_messages) WITH ORDINALITY x (e, n)
        ), topic AS MATERIALIZED (
            SELECT t.id, t.max_receives FROM topics t WHERE t.id = v_topic_id AND t.deleted_at IS NULL
        ), stored AS (
            INSERT INTO messages (id, topic_id, content, sender, key, attributes, created_at)
            SELECT p.id, t.id,
                   CASE WHEN given_bytes(p.content, p.attributes, p.sender, p.key) > 262144
                        THEN refuse_too_large(p.n) ELSE p.content END,
                   coalesce(p.sender, p_sender), p.key, p.attributes, call_time()
              FROM parsed p, topic t
        ), queued AS (
            INSERT INTO queue (message_id, topic_id, ready_at, max_receives, bytes, lane)
            SELECT p.id, t.id, call_time(), t.max_receives,
                   message_bytes(p.content, p.attributes, coalesce(p.sender, p_sender), p.key), lane(p.key)
              FROM parsed p, topic t
        )
        SELECT array_agg(p.id ORDER BY p.n), EXISTS (SELECT FROM topic) INTO ids, v_stands FROM parsed p;
        EXIT WHEN v_stands;
    END LOOP;
    RETURN NEXT;
END
$$;
