-- List the waiting messages of a topic, leased and delayed ones too, in the order in which consumers get them.
-- p_filter: {"sender"?, "key"?, "since"?, "until"?}; the times are those of publishing.
-- p_after: the page token that an earlier call returned in next.
-- Returns at most p_limit messages, and p_max_bytes of them (one always), after reading at most 10,000. When there may be
-- more, a last row holds nothing but next. Raises MB404.
CREATE OR REPLACE FUNCTION broker.browse_messages(
    p_topic text, p_filter json, p_after text, p_limit integer, p_max_bytes integer DEFAULT 5500000)
RETURNS TABLE (id uuid, content json, sender text, key text, attributes json, created_at timestamptz,
               ready_at timestamptz, leased_at timestamptz, receives integer, next text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic  topics := find_topic(p_topic);
    v_sender text := p_filter ->> 'sender';
    v_key    text := p_filter ->> 'key';
    v_since  timestamptz := coalesce((p_filter ->> 'since')::timestamptz, '-infinity');
    v_until  timestamptz := coalesce((p_filter ->> 'until')::timestamptz, 'infinity');
    v_room   bigint := p_max_bytes;
    v_read   integer := 0;
    v_given  integer := 0;
    v_token  text := p_after;  -- behind the row that was read last
    v_more   boolean := false;
    v_row    record;
BEGIN
    FOR v_row IN
        SELECT q.ready_at, q.leased_at, q.receives, q.bytes, m.*
          FROM (SELECT w.* FROM queue w
                 WHERE w.topic_id = v_topic.id AND w.died_at IS NULL
                   AND (w.ready_at, w.message_id) > (page_token_time(p_after), page_token_id(p_after))
                 ORDER BY w.ready_at, w.message_id LIMIT 10000) q
         CROSS JOIN LATERAL (SELECT s.* FROM contents s WHERE s.id = q.message_id LIMIT 1) m
         ORDER BY q.ready_at, q.message_id
    LOOP
        IF (v_sender IS NULL OR v_row.sender = v_sender) AND (v_key IS NULL OR v_row.key = v_key)
           AND v_row.created_at >= v_since AND v_row.created_at < v_until
        THEN
            v_more := v_given = p_limit OR v_given > 0 AND v_row.bytes > v_room;
            EXIT WHEN v_more;
            SELECT v_row.id, v_row.content, v_row.sender, v_row.key, v_row.attributes, v_row.created_at,
                   v_row.ready_at, v_row.leased_at, v_row.receives
              INTO id, content, sender, key, attributes, created_at, ready_at, leased_at, receives;
            RETURN NEXT;
            v_given := v_given + 1;
            v_room := v_room - v_row.bytes;
        END IF;
        v_read := v_read + 1;
        v_token := page_token(v_row.ready_at, v_row.id);
    END LOOP;
    IF v_more OR v_read = 10000 THEN
        id := NULL; content := NULL; sender := NULL; key := NULL; attributes := NULL; created_at := NULL;
        ready_at := NULL; leased_at := NULL; receives := NULL;
        next := v_token;
        RETURN NEXT;
    END IF;
END
$$;
