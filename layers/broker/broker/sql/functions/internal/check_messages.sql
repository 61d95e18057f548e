-- Raise MB400 unless the arguments of publish_batch are as POST /topics/{topic}/messages has them; its DETAIL has up to 100
-- faults as JSON, with pointers.
CREATE OR REPLACE FUNCTION broker.check_messages(p_messages json, p_sender text, p_idempotency_key text)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_faults json;
BEGIN
    IF p_messages IS NULL OR json_typeof(p_messages) <> 'array' OR json_array_length(p_messages) NOT BETWEEN 1 AND 1000 THEN
        PERFORM broker.refuse_argument('p_messages', 'must be an array of 1 to 1000 messages');
    ELSIF length(p_sender) NOT BETWEEN 1 AND 256 THEN
        PERFORM broker.refuse_argument('p_sender', 'must have 1 to 256 characters');
    ELSIF p_idempotency_key !~ '^[!-~]+$' OR length(p_idempotency_key) > 256 THEN
        PERFORM broker.refuse_argument('p_idempotency_key', 'must have 1 to 256 printable ASCII characters, without spaces');
    END IF;
    SELECT json_agg(f) INTO v_faults
      FROM (SELECT format('/messages/%s%s', e.nth - 1, m.pointer) AS pointer, m.detail
              FROM json_array_elements(p_messages) WITH ORDINALITY e (message, nth), broker.message_faults(e.message) m
             LIMIT 100) f;
    IF v_faults IS NOT NULL THEN
        RAISE EXCEPTION 'the messages are not valid' USING ERRCODE = 'MB400', DETAIL = v_faults;
    END IF;
END
$$;
