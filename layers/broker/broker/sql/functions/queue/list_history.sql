-- List what was published to a topic, whatever became of it: the newest first, older than p_after, a UUIDv7.
-- p_filter: {"sender"?, "key"?}. state: as in trace_message. seq: null unless broadcast. reason: null unless dead.
-- Returns at most p_limit messages, and p_max_bytes of them (one always), after reading at most 10,000, of all topics. When
-- there may be more, a last row holds nothing but next: the id of the message that was read last. Raises MB404.
CREATE OR REPLACE FUNCTION broker.list_history(
    p_topic text, p_filter json, p_after uuid, p_limit integer, p_max_bytes integer DEFAULT 5500000)
RETURNS TABLE (id uuid, content json, sender text, key text, attributes json, created_at timestamptz, state text,
               seq bigint, reason text, next text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_topic  topics := find_topic(p_topic);
    v_sender text := p_filter ->> 'sender';
    v_key    text := p_filter ->> 'key';
    v_after  uuid := coalesce(p_after, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    v_ids    uuid[];
    v_last   uuid;
    v_room   bigint := p_max_bytes;
    v_given  uuid;
    v_row    record;
BEGIN
    v_ids := ARRAY(
        -- DISTINCT: a message that is being moved aside is there twice
        SELECT w.id
          FROM (SELECT DISTINCT ON (c.id) c.id, c.topic_id, c.sender, c.key FROM contents c WHERE c.id < v_after
                 ORDER BY c.id DESC LIMIT 10000) w
         WHERE w.topic_id = v_topic.id AND (v_sender IS NULL OR w.sender = v_sender) AND (v_key IS NULL OR w.key = v_key)
         LIMIT p_limit);
    IF cardinality(v_ids) = p_limit THEN
        v_last := v_ids[p_limit];
    ELSE
        v_last := (SELECT DISTINCT ON (c.id) c.id FROM contents c WHERE c.id < v_after ORDER BY c.id DESC OFFSET 9999 LIMIT 1);
    END IF;
    FOR v_row IN
        SELECT m.*, message_state(q, l.seq) AS state, l.seq, q.reason
          FROM unnest(v_ids) WITH ORDINALITY u (id, nth)
         CROSS JOIN LATERAL (SELECT s.* FROM contents s WHERE s.id = u.id LIMIT 1) m
          LEFT JOIN queue q ON q.message_id = ANY (ARRAY[u.id])
          LEFT JOIN LATERAL (SELECT e.seq FROM entries e WHERE e.message_id = u.id LIMIT 1) l ON true
         ORDER BY u.nth
    LOOP
        v_room := v_room - message_bytes(v_row.content, v_row.attributes, v_row.sender, v_row.key);
        IF v_room < 0 AND v_given IS NOT NULL THEN
            v_last := v_given;
            EXIT;
        END IF;
        v_given := v_row.id;
        SELECT v_row.id, v_row.content, v_row.sender, v_row.key, v_row.attributes, v_row.created_at, v_row.state, v_row.seq,
               v_row.reason
          INTO id, content, sender, key, attributes, created_at, state, seq, reason;
        RETURN NEXT;
    END LOOP;
    IF v_last IS NOT NULL THEN
        id := NULL; content := NULL; sender := NULL; key := NULL; attributes := NULL; created_at := NULL;
        state := NULL; seq := NULL; reason := NULL;
        next := v_last::text;
        RETURN NEXT;
    END IF;
END
$$;
