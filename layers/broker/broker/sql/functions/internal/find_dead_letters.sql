-- Find the ids of the dead letters of a topic's queue that p_filter selects, in the order in which they died: at most p_limit,
-- after reading at most 10,000 behind the page token p_after. next is the token of the next page; null when there are no more.
-- p_filter: {"ids"?} alone, or {"sender"?, "key"?, "reason"?, "since"?, "until"?}; the times are those of dying.
CREATE OR REPLACE FUNCTION broker.find_dead_letters(p_topic_id integer, p_filter json, p_after text, p_limit integer)
RETURNS TABLE (ids uuid[], next text)
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_read integer := 0;
    v_row  record;
BEGIN
    IF p_filter -> 'ids' IS NOT NULL THEN
        ids := ARRAY(SELECT e::uuid FROM json_array_elements_text(p_filter -> 'ids') e);
        -- FILTER, not WHERE, which was planned as a walk over all dead letters, each compared with each id
        SELECT coalesce(array_agg(q.message_id) FILTER (WHERE q.topic_id = p_topic_id AND q.died_at IS NOT NULL), '{}')
          INTO ids FROM broker.queue q WHERE q.message_id = ANY (ids);
        RETURN NEXT;
        RETURN;
    END IF;
    ids := '{}';
    next := p_after;  -- behind the row that was read last
    FOR v_row IN
        SELECT q.message_id, q.died_at, broker.is_selected(p_filter, q.reason, m.sender, m.key) AS selected
          FROM (SELECT w.message_id, w.died_at, w.reason FROM broker.queue w
                 WHERE w.topic_id = p_topic_id AND w.died_at IS NOT NULL
                   AND w.died_at >= coalesce((p_filter ->> 'since')::timestamptz, '-infinity')
                   AND w.died_at < coalesce((p_filter ->> 'until')::timestamptz, 'infinity')
                   AND (w.died_at, w.message_id) > (broker.page_token_time(p_after), broker.page_token_id(p_after))
                 ORDER BY w.died_at, w.message_id LIMIT 10000) q
         CROSS JOIN LATERAL (SELECT s.sender, s.key FROM broker.contents s WHERE s.id = q.message_id LIMIT 1) m
         ORDER BY q.died_at, q.message_id
    LOOP
        IF v_row.selected AND cardinality(ids) = p_limit THEN
            RETURN NEXT;
            RETURN;
        ELSIF v_row.selected THEN
            ids := ids || v_row.message_id;
        END IF;
        v_read := v_read + 1;
        next := broker.page_token(v_row.died_at, v_row.message_id);
    END LOOP;
    IF v_read < 10000 THEN
        next := NULL;
    END IF;
    RETURN NEXT;
END
$$;
