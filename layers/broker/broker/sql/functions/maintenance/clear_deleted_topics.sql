-- Clear up to p_limit rows that deleted topics left behind; a topic itself goes after its last row. Returns how many rows:
-- call it until it returns 0. The messages stay until their partition goes.
CREATE OR REPLACE FUNCTION broker.clear_deleted_topics(p_limit integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    v_id      integer;
    v_table   text;
    v_ids     uuid[];
    v_cleared integer;
BEGIN
    FOR v_id IN SELECT t.id FROM topics t WHERE t.deleted_at IS NOT NULL ORDER BY t.id LOOP
        -- locked first, in the order in which the verbs lock them: a DELETE that had to wait would miss a row that another
        -- session changed, and the topic would go without it
        PERFORM FROM subscriptions s WHERE s.topic_id = v_id ORDER BY s.id FOR UPDATE;
        v_ids := ARRAY(SELECT q.message_id FROM queue q WHERE q.topic_id = v_id ORDER BY q.message_id LIMIT p_limit FOR UPDATE);
        DELETE FROM attempts a
         WHERE a.id IN (SELECT x.id FROM attempts x JOIN subscriptions s ON s.id = x.subscription_id
                         WHERE s.topic_id = v_id LIMIT p_limit);
        GET DIAGNOSTICS v_cleared = ROW_COUNT;
        IF v_cleared = 0 THEN
            DELETE FROM queue q WHERE q.message_id = ANY (v_ids);
            GET DIAGNOSTICS v_cleared = ROW_COUNT;
        END IF;
        FOREACH v_table IN ARRAY ARRAY['subscriptions', 'redeliveries', 'log', 'log_spans', 'idempotency_keys'] LOOP
            EXIT WHEN v_cleared > 0;
            EXECUTE format('DELETE FROM %I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %I WHERE topic_id = $1 LIMIT $2))',
                           v_table, v_table) USING v_id, p_limit;
            GET DIAGNOSTICS v_cleared = ROW_COUNT;
        END LOOP;
        IF v_cleared > 0 THEN
            RETURN v_cleared;
        END IF;
        DELETE FROM topics t WHERE t.id = v_id;
    END LOOP;
    RETURN 0;
END
$$;
