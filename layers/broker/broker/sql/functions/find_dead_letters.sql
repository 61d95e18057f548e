-- Of a topic's dead letters, in the order in which they died, the ids that p_filter means: p_limit at most, after a look at
-- 10,000 at most behind the place p_after. next is where to go on; null when that was all. p_filter is {"ids"?} alone, or
-- {"sender"?, "key"?, "reason"?, "since"?, "until"?}, the times those of dying. With {"subscription"} beside them the dead
-- letters are that subscription's. Raises BR404 when the topic has no such subscription.
CREATE OR REPLACE FUNCTION broker.find_dead_letters(p_topic_id integer, p_filter json, p_after text, p_limit integer)
RETURNS TABLE (ids uuid[], next text)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_sender text := p_filter ->> 'sender';
    v_key    text := p_filter ->> 'key';
    v_reason text := p_filter ->> 'reason';
    v_since  timestamptz := coalesce((p_filter ->> 'since')::timestamptz, '-infinity');
    v_until  timestamptz := coalesce((p_filter ->> 'until')::timestamptz, 'infinity');
    v_reader uuid := (p_filter ->> 'subscription')::uuid;
    v_met    integer := 0;
    v_place  text := p_after;  -- of what was met last
    v_row    record;
BEGIN
    IF v_reader IS NOT NULL
       AND NOT EXISTS (SELECT FROM broker.subscriptions s WHERE s.id = v_reader AND s.topic_id = p_topic_id) THEN
        RAISE EXCEPTION 'the topic has no such subscription' USING ERRCODE = 'BR404';
    END IF;
    IF p_filter -> 'ids' IS NOT NULL THEN
        -- FILTER, not WHERE: that was planned as a walk over the dead, each held against each id
        ids := ARRAY(SELECT e::uuid FROM json_array_elements_text(p_filter -> 'ids') e);
        IF v_reader IS NULL THEN
            SELECT coalesce(array_agg(q.message_id) FILTER (WHERE q.topic_id = p_topic_id AND q.died_at IS NOT NULL), '{}')
              INTO ids FROM broker.queue q WHERE q.message_id = ANY (ids);
        ELSE
            SELECT coalesce(array_agg(r.message_id) FILTER (WHERE r.died_at IS NOT NULL), '{}')
              INTO ids FROM broker.redeliveries r WHERE r.subscription_id = v_reader AND r.message_id = ANY (ids);
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
                  WHERE v_reader IS NULL AND w.topic_id = p_topic_id AND w.died_at >= v_since AND w.died_at < v_until
                    AND (w.died_at, w.message_id) > (broker.place_time(p_after), broker.place_id(p_after))
                  ORDER BY w.died_at, w.message_id LIMIT 10000)
                UNION ALL
                (SELECT r.message_id, r.died_at, r.reason FROM broker.redeliveries r
                  WHERE r.subscription_id = v_reader AND r.died_at >= v_since AND r.died_at < v_until
                    AND (r.died_at, r.message_id) > (broker.place_time(p_after), broker.place_id(p_after))
                  ORDER BY r.died_at, r.message_id LIMIT 10000)) q
         CROSS JOIN LATERAL (SELECT s.sender, s.key FROM broker.messages s WHERE s.id = q.message_id OFFSET 0) m
         ORDER BY q.died_at, q.message_id
    LOOP
        IF v_row.wanted THEN
            IF cardinality(ids) = p_limit THEN
                next := v_place;
                EXIT;
            END IF;
            ids := ids || v_row.message_id;
        END IF;
        v_met := v_met + 1;
        v_place := broker.place(v_row.died_at, v_row.message_id);
    END LOOP;
    IF v_met = 10000 THEN
        next := v_place;
    END IF;
    RETURN NEXT;
END
$$;
