-- Raise MB400 unless p_receipts is as POST /topics/{topic}/settle has it; its DETAIL has up to 100 faults as JSON, with
-- pointers.
CREATE OR REPLACE FUNCTION broker.check_receipts(p_receipts json)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_verbs  text[] := ARRAY['ack', 'release', 'extend', 'reject'];
    v_count  integer;
    v_faults json;
BEGIN
    IF json_typeof(p_receipts) IS DISTINCT FROM 'object' THEN
        PERFORM broker.refuse_argument('p_receipts', 'must be an object');
    END IF;
    SELECT json_agg(f) INTO v_faults
      FROM (SELECT broker.pointer_to(l.key) AS pointer,
                   CASE WHEN l.key = ANY (v_verbs) THEN 'must be an array' ELSE 'is no verb of settle' END AS detail
              FROM json_each(p_receipts) l WHERE l.key <> ALL (v_verbs) OR json_typeof(l.value) <> 'array' LIMIT 100) f;
    IF v_faults IS NULL THEN
        SELECT sum(json_array_length(l.value)) INTO v_count FROM json_each(p_receipts) l;
        IF v_count > 1000 THEN
            PERFORM broker.refuse_argument('p_receipts', 'has over 1000 receipts');
        END IF;
        SELECT json_agg(f) INTO v_faults
          FROM (SELECT format('/%s/%s%s', l.key, e.nth - 1, i.pointer) AS pointer, i.detail
                  FROM json_each(p_receipts) l, json_array_elements(l.value) WITH ORDINALITY e (item, nth),
                       broker.receipt_faults(l.key, e.item) i
                 LIMIT 100) f;
    END IF;
    IF v_faults IS NOT NULL THEN
        RAISE EXCEPTION 'nothing was settled' USING ERRCODE = 'MB400', DETAIL = v_faults;
    END IF;
END
$$;
