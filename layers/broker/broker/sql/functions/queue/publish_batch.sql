-- Store messages and put them in their topic's queue, all or none, in the order given. A missing topic is created.
-- p_messages: an array of {"content", "sender"?, "key"?, "attributes"?}.
-- p_sender: the sender of messages that name none; null: the user of the session.
-- p_idempotency_key: for 24 hours, the same call again returns the first one's ids, and replayed is true. A key belongs to
-- its topic and p_token_id; p_fingerprint is a digest of the request.
-- auto: the topic is an auto topic. Dispatch looks at it within batch_window seconds; what commits later needs a wake-up.
-- In the caller's own transaction, the messages appear with its commit, or not at all.
-- Raises MB400 for attributes that are not an object, or content and attributes of more than 262,144 bytes; MB422 for a key
-- that was used with another fingerprint.
CREATE OR REPLACE FUNCTION broker.publish_batch(
    p_topic text, p_messages json, p_sender text DEFAULT NULL, p_idempotency_key text DEFAULT NULL,
    p_token_id uuid DEFAULT '00000000-0000-0000-0000-000000000000', p_fingerprint bytea DEFAULT '')
RETURNS TABLE (ids uuid[], auto boolean, batch_window real, replayed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s' AS $$
DECLARE
    v_topic_id   integer;
    v_ends_at    timestamptz;
    v_ticks      bigint;
    v_message    json;
    v_sender     text;
    v_attributes json;
BEGIN
    replayed := false;
    LOOP
        -- held until the commit, so that the topic is not deleted as empty while a message is about to appear in it
        SELECT t.id, t.broadcast = 'auto', coalesce(extract(epoch FROM t.batch_window_until - clock_timestamp()), 0), r.ends_at
          INTO v_topic_id, auto, batch_window, v_ends_at
          FROM topics t, ring r, LATERAL pg_advisory_xact_lock_shared(hashtext('broker.topics'), t.id)
         WHERE t.name = p_topic AND t.deleted_at IS NULL;
        IF NOT FOUND THEN
            PERFORM ensure_topic(p_topic);
            CONTINUE;
        END IF;
        IF p_idempotency_key IS NOT NULL THEN
            ids := claim_idempotency_key(v_topic_id, p_token_id, p_idempotency_key, p_fingerprint);
            replayed := ids IS NOT NULL;
            EXIT WHEN replayed;
        END IF;
        IF v_ends_at <= clock_timestamp() + interval '1 minute' THEN
            PERFORM ensure_partitions(clock_timestamp() + interval '1 minute');
        END IF;
        v_ticks := ticks(clock_timestamp());

        -- The inserting statement reads the topic again: it may have been deleted before the lock was granted.
        IF json_array_length(p_messages) = 1 THEN  -- as in most requests; plain statements start faster
            v_message := p_messages -> 0;
            v_sender := coalesce(v_message ->> 'sender', p_sender, session_user);
            v_attributes := v_message -> 'attributes';
            IF v_attributes IS NOT NULL THEN
                v_attributes := check_attributes(v_attributes, 1);
            END IF;
            IF octet_length((v_message -> 'content')::text) + coalesce(octet_length(v_attributes::text), 0) > 262144 THEN
                PERFORM refuse_too_large(1);
            END IF;
            ids := ARRAY[uuidv7(v_ticks)];
            INSERT INTO queue (message_id, topic_id, ready_at, max_receives, bytes)
            SELECT ids[1], t.id, statement_timestamp(), t.max_receives,
                   message_bytes(v_message -> 'content', v_attributes, v_sender, v_message ->> 'key')
              FROM topics t WHERE t.id = v_topic_id AND t.deleted_at IS NULL;
            CONTINUE WHEN NOT FOUND;
            INSERT INTO messages (id, topic_id, content, sender, key, attributes, created_at)
            VALUES (ids[1], v_topic_id, v_message -> 'content', v_sender, v_message ->> 'key',
                    v_attributes, statement_timestamp());
            EXIT;
        END IF;
        WITH parsed AS MATERIALIZED (
            SELECT broker.uuidv7(v_ticks + n) AS id, n, e -> 'content' AS content,
                   coalesce(e ->> 'sender', p_sender, session_user) AS sender, e ->> 'key' AS key,
                   CASE WHEN e -> 'attributes' IS NOT NULL
                        THEN check_attributes(e -> 'attributes', n) END AS attributes
              FROM json_array_elements(p_messages) WITH ORDINALITY x (e, n)
        ), topic AS (
            SELECT t.id, t.max_receives FROM topics t WHERE t.id = v_topic_id AND t.deleted_at IS NULL
        ), stored AS (
            INSERT INTO messages (id, topic_id, content, sender, key, attributes, created_at)
            SELECT p.id, t.id,
                   CASE WHEN octet_length(p.content::text) + coalesce(octet_length(p.attributes::text), 0) > 262144
                        THEN refuse_too_large(p.n) ELSE p.content END,
                   p.sender, p.key, p.attributes, statement_timestamp()
              FROM parsed p, topic t
        ), queued AS (
            INSERT INTO queue (message_id, topic_id, ready_at, max_receives, bytes)
            SELECT p.id, t.id, statement_timestamp(), t.max_receives,
                   message_bytes(p.content, p.attributes, p.sender, p.key)
              FROM parsed p, topic t
        )
        SELECT array_agg(p.id ORDER BY p.n) INTO ids FROM parsed p, topic t;
        EXIT WHEN ids IS NOT NULL OR json_array_length(p_messages) = 0;
    END LOOP;
    IF p_idempotency_key IS NOT NULL AND NOT replayed THEN
        UPDATE idempotency_keys k SET ids = publish_batch.ids
         WHERE k.topic_id = v_topic_id AND k.token_id = p_token_id AND k.key = p_idempotency_key;
    END IF;
    RETURN NEXT;
END
$$;
