-- Find the ids of dead letters that p_filter selects: of the subscription that it names, as find_dead_redeliveries does, or else of
-- the topic's queue, as find_dead_letters does.
CREATE OR REPLACE FUNCTION broker.select_dead_letters(p_topic_id integer, p_filter json, p_after text, p_limit integer)
RETURNS TABLE (ids uuid[], next text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_subscription uuid := (p_filter ->> 'subscription')::uuid;
BEGIN
    IF v_subscription IS NULL THEN
        RETURN QUERY SELECT f.ids, f.next FROM broker.find_dead_letters(p_topic_id, p_filter, p_after, p_limit) f;
    ELSE
        RETURN QUERY
        SELECT f.ids, f.next FROM broker.find_dead_redeliveries(p_topic_id, v_subscription, p_filter, p_after, p_limit) f;
    END IF;
END
$$;
