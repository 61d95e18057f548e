-- Find the ids of a topic's dead letters that p_filter selects, in the order in which they died: at most p_limit, after reading
-- at most 10,000 behind the page token p_after. next is the token of the next page; null when there are no more.
-- p_filter: {"ids"?} alone, or {"sender"?, "key"?, "reason"?, "since"?, "until"?}; the times are those of dying. With
-- {"subscription"} beside them, it selects dead letters of that subscription.
-- Raises MB404 when the topic has no such subscription.
CREATE OR REPLACE FUNCTION broker.find_dead_letters(p_topic_id integer, p_filter json, p_after text, p_limit integer)
RETURNS TABLE (ids uuid[], next text)
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_sender       text := p_filter ->> 'sender';
    v_key          text := p_filter ->> 'key';
    v_reason       text := p_filter ->> 'reason';
    v_since        timestamptz := coalesce((p_filter ->> 'since')::timestamptz, '-infinity');
    v_until        timestamptz := coalesce((p_filter ->> 'until')::timestamptz, 'infinity');
    v_subscription uuid := (p_filter ->> 'subscription')::uuid;
    v_read         integer := 0;
    v_token        text := p_after;  -- behind the row that was read last
    v_row          record;
BEGIN
    IF v_subscription IS NOT NULL
       AND NOT EXISTS (SELECT FROM broker.subscriptions s WHERE s.id = v_subscription AND s.topic_id = p_topic_id) THEN
        RAISE EXCEPTION 'the topic has no such subscription' USING ERRCODE = 'MB404';
    END IF;
    IF p_filter -> 'ids' IS NOT NULL THEN
        -- FILTER, not WHERE, which was planned as a walk over all dead letters, each compared with each id
        ids := ARRAY(SELECT e::uuid FROM json_array_elements_text(p_filter -> 'ids') e);
        IF v_subscription IS NULL THEN
            SELECT coalesce(array_agg(q.message_id) FILTER (WHERE q.topic_id = p_topic_id AND q.died_at IS NOT NULL), '{}')
              INTO ids FROM broker.queue q WHERE q.message_id = ANY (ids);
        ELSE
            SELECT coalesce(array_agg(r.message_id) FILTER (WHERE r.died_at IS NOT NULL), '{}')
              INTO ids FROM broker.redeliveries r WHERE r.subscription_id = v_subscription AND r.message_id = ANY (ids);
        END IF;
        RETURN NEXT;
        RETURN;
    END IF;
    ids := '{}';
    FOR v_row IN
        SELECT q.message_id, q.died_at,
               (v_reason IS NULL OR q.reason = v_reason) AND (v_sender IS NULL OR m.sender = v_sender)
               AND (v_key IS NULL OR m.key = v_key) AS wanted
          FROM ((SELECT w.message_id, w.died_at, w.reason FROM broker.queue w
                  WHERE v_subscription IS NULL AND w.topic_id = p_topic_id AND w.died_at >= v_since AND w.died_at < v_until
                    AND (w.died_at, w.message_id) > (broker.page_token_time(p_after), broker.page_token_id(p_after))
                  ORDER BY w.died_at, w.message_id LIMIT 10000)
                UNION ALL
                (SELECT r.message_id, r.died_at, r.reason FROM broker.redeliveries r
                  WHERE r.subscription_id = v_subscription AND r.died_at >= v_since AND r.died_at < v_until
                    AND (r.died_at, r.message_id) > (broker.page_token_time(p_after), broker.page_token_id(p_after))
                  ORDER BY r.died_at, r.message_id LIMIT 10000)) q
         CROSS JOIN LATERAL (SELECT s.sender, s.key FROM broker.messages s WHERE s.id = q.message_id OFFSET 0) m
         ORDER BY q.died_at, q.message_id
    LOOP
        IF v_row.wanted THEN
            IF cardinality(ids) = p_limit THEN
                next := v_token;
                EXIT;
            END IF;
            ids := ids || v_row.message_id;
        END IF;
        v_read := v_read + 1;
        v_token := broker.page_token(v_row.died_at, v_row.message_id);
    END LOOP;
    IF v_read = 10000 THEN
        next := v_token;
    END IF;
    RETURN NEXT;
END
$$;
