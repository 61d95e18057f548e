-- Claim an idempotency key for a publish of the caller's transaction, which will have the ids p_ids. Returns null when the caller
-- must publish, else the ids that were published under the key before it expired. A concurrent call with the same key waits for
-- the commit of the first. Raises MB422 when the key was used with another fingerprint.
CREATE OR REPLACE FUNCTION broker.claim_idempotency_key(
    p_topic_id integer, p_token_id uuid, p_key text, p_fingerprint bytea, p_ids uuid[])
RETURNS uuid[]
LANGUAGE plpgsql AS $$
DECLARE
    v_expires_at timestamptz := broker.call_time() + interval '24 hours';
    v_known      broker.idempotency_keys;
BEGIN
    LOOP
        INSERT INTO broker.idempotency_keys (topic_id, token_id, key, fingerprint, ids, expires_at)
        VALUES (p_topic_id, p_token_id, p_key, p_fingerprint, p_ids, v_expires_at)
        ON CONFLICT (topic_id, token_id, key) DO NOTHING;
        IF FOUND THEN
            RETURN NULL;
        END IF;
        -- a statement of its own: the one above does not see the row that it waited for
        SELECT * INTO v_known FROM broker.idempotency_keys k
         WHERE k.topic_id = p_topic_id AND k.token_id = p_token_id AND k.key = p_key FOR UPDATE;
        EXIT WHEN FOUND;  -- else maintenance has cleared it since
    END LOOP;
    IF v_known.expires_at < broker.call_time() THEN
        UPDATE broker.idempotency_keys k SET fingerprint = p_fingerprint, ids = p_ids, expires_at = v_expires_at
         WHERE k.topic_id = p_topic_id AND k.token_id = p_token_id AND k.key = p_key;
        RETURN NULL;
    END IF;
    IF v_known.fingerprint <> p_fingerprint THEN
        RAISE EXCEPTION 'the idempotency key was used with another body' USING ERRCODE = 'MB422';
    END IF;
    RETURN v_known.ids;
END
$$;
