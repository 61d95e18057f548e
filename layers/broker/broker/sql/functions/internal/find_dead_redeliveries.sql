-- Find the ids of the dead letters of a subscription, as find_dead_letters finds those of a queue. Raises MB404 when the topic
-- has no such subscription.
CREATE OR REPLACE FUNCTION broker.find_dead_redeliveries(
    p_topic_id integer, p_subscription_id uuid, p_filter json, p_after text, p_limit integer)
RETURNS TABLE (ids uuid[], next text)
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_read integer := 0;
    v_row  record;
BEGIN
    IF NOT EXISTS (SELECT FROM broker.subscriptions s WHERE s.id = p_subscription_id AND s.topic_id = p_topic_id) THEN
        RAISE EXCEPTION 'the topic has no such subscription' USING ERRCODE = 'MB404';
    END IF;
    IF p_filter -> 'ids' IS NOT NULL THEN
        ids := ARRAY(SELECT e::uuid FROM json_array_elements_text(p_filter -> 'ids') e);
        SELECT coalesce(array_agg(DISTINCT r.message_id) FILTER (WHERE r.died_at IS NOT NULL AND r.deleted_at IS NULL), '{}')
          INTO ids FROM broker.redeliveries r WHERE r.subscription_id = p_subscription_id AND r.message_id = ANY (ids);
        RETURN NEXT;
        RETURN;
    END IF;
    ids := '{}';
    next := p_after;  -- behind the row that was read last
    FOR v_row IN
        SELECT r.message_id, r.died_at, broker.is_selected(p_filter, r.reason, m.sender, m.key) AS selected
          FROM (SELECT d.message_id, d.died_at, d.reason FROM broker.redeliveries d
                 WHERE d.subscription_id = p_subscription_id AND d.died_at IS NOT NULL AND d.deleted_at IS NULL
                   AND d.died_at >= coalesce((p_filter ->> 'since')::timestamptz, '-infinity')
                   AND d.died_at < coalesce((p_filter ->> 'until')::timestamptz, 'infinity')
                   AND (d.died_at, d.message_id) > (broker.page_token_time(p_after), broker.page_token_id(p_after))
                 ORDER BY d.died_at, d.message_id LIMIT 10000) r
         CROSS JOIN LATERAL (SELECT s.sender, s.key FROM broker.contents s WHERE s.id = r.message_id LIMIT 1) m
         ORDER BY r.died_at, r.message_id
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
