-- Clear up to p_limit rows that deleted topics left behind; a topic itself goes after its last row. Returns how many rows:
-- call it until it returns 0. What is in the ring leaves with its partitions.
CREATE OR REPLACE FUNCTION broker.clear_deleted_topics(p_limit integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_id      integer;
    v_table   text;
    v_ids     uuid[];
    v_cleared integer;
BEGIN
    FOR v_id IN SELECT t.id FROM topics t WHERE t.deleted_at IS NOT NULL ORDER BY t.id LOOP
        -- locked first, in the order in which the verbs lock them: a DELETE that had to wait would miss a row that another
        -- session changed, and the topic would go without it
        PERFORM FROM topic_states s WHERE s.topic_id = v_id FOR UPDATE;
        v_ids := ARRAY(SELECT s.id FROM subscriptions s WHERE s.topic_id = v_id ORDER BY s.id LIMIT least(p_limit, 100) FOR UPDATE);
        DELETE FROM deliveries d WHERE d.subscription_id = ANY (v_ids);
        PERFORM FROM cursors c WHERE c.subscription_id = ANY (v_ids) ORDER BY c.subscription_id FOR UPDATE;
        DELETE FROM redeliveries r
         WHERE r.ctid = ANY (ARRAY(SELECT d.ctid FROM redeliveries d WHERE d.subscription_id = ANY (v_ids) LIMIT p_limit));
        GET DIAGNOSTICS v_cleared = ROW_COUNT;
        IF v_cleared = 0 THEN
            DELETE FROM deliveries d WHERE d.subscription_id = ANY (v_ids);
            DELETE FROM cursors c WHERE c.subscription_id = ANY (v_ids);
            DELETE FROM subscriptions s WHERE s.id = ANY (v_ids);
            GET DIAGNOSTICS v_cleared = ROW_COUNT;
        END IF;
        IF v_cleared = 0 THEN  -- those that live and those that are dead, each by its index
            v_ids := ARRAY(SELECT q.message_id FROM queue q WHERE q.topic_id = v_id AND q.died_at IS NULL
                           UNION ALL
                           SELECT q.message_id FROM queue q WHERE q.topic_id = v_id AND q.died_at IS NOT NULL
                           LIMIT p_limit);
            PERFORM FROM queue q WHERE q.message_id = ANY (v_ids) ORDER BY q.message_id FOR UPDATE;
            DELETE FROM queue q WHERE q.message_id = ANY (v_ids);
            GET DIAGNOSTICS v_cleared = ROW_COUNT;
        END IF;
        FOREACH v_table IN ARRAY ARRAY['idempotency_keys', 'kept_log', 'batch_windows', 'look_requests'] LOOP
            EXIT WHEN v_cleared > 0;
            EXECUTE format('DELETE FROM %I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %I WHERE topic_id = $1 LIMIT $2))',
                           v_table, v_table) USING v_id, p_limit;
            GET DIAGNOSTICS v_cleared = ROW_COUNT;
        END LOOP;
        IF v_cleared > 0 THEN
            RETURN v_cleared;
        END IF;
        DELETE FROM topic_states s WHERE s.topic_id = v_id;
        DELETE FROM topics t WHERE t.id = v_id;
    END LOOP;
    RETURN 0;
END
$$;
