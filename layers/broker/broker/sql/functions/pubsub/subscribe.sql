-- Register a webhook for a topic's later broadcasts. A missing topic is created, and counts for the token p_token_id.
-- p_name: unique in the topic; null: the url.
-- p_settings: {"url", "headers"?, "batch_size"?, "retry_schedule"?, "ordered"?, "rate_per_second"?, "backlog_days"?}.
-- When the name exists, nothing changes: conflict is true if a setting given differs from the existing one.
-- due: the topic is an auto topic. What waits in it had no subscription to move for. So it is when the name exists too: the
-- call that created the subscription may have failed before it notified Dispatch.
CREATE OR REPLACE FUNCTION broker.subscribe(
    p_topic text, p_name text, p_secret text, p_settings jsonb, p_token_id uuid DEFAULT NULL)
RETURNS TABLE (id uuid, created boolean, conflict boolean, broadcast text, due boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic    topics;
    v_topic_id integer;
    v_last_seq bigint;
    v_row      subscriptions;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    LOOP
        -- broadcast takes the same lock: a subscription gets all of a broadcast or nothing of it
        SELECT s.topic_id, s.last_seq INTO v_topic_id, v_last_seq
          FROM topics t JOIN topic_states s ON s.topic_id = t.id
         WHERE t.name = p_topic AND t.deleted_at IS NULL FOR NO KEY UPDATE OF s;
        IF NOT FOUND THEN
            PERFORM ensure_topic(p_topic, p_token_id);
            CONTINUE;
        END IF;
        -- read again: it may have been deleted before the lock was granted
        SELECT * INTO v_topic FROM topics t WHERE t.id = v_topic_id AND t.deleted_at IS NULL;
        EXIT WHEN FOUND;
    END LOOP;
    broadcast := v_topic.broadcast;
    due := broadcast = 'auto';
    SELECT * INTO v_row FROM subscriptions s
     WHERE s.topic_id = v_topic.id AND s.name = coalesce(p_name, p_settings ->> 'url');
    created := NOT FOUND;
    IF created THEN
        INSERT INTO subscriptions AS s
               (id, topic_id, name, url, secrets, headers, batch_size, retry_schedule, ordered, rate_per_second, backlog_days,
                start_seq)
        VALUES (uuidv7(ticks(clock_timestamp())), v_topic.id, coalesce(p_name, p_settings ->> 'url'), p_settings ->> 'url',
                ARRAY[p_secret], coalesce((p_settings -> 'headers')::json, '{}'),
                coalesce((p_settings ->> 'batch_size')::integer, 100), integer_array(p_settings -> 'retry_schedule'),
                coalesce((p_settings ->> 'ordered')::boolean, false), (p_settings ->> 'rate_per_second')::integer,
                coalesce((p_settings ->> 'backlog_days')::integer, 30), v_last_seq)
        RETURNING * INTO v_row;
        INSERT INTO cursors (subscription_id, topic_id, cursor) VALUES (v_row.id, v_topic.id, v_last_seq);
        -- an auto topic's messages may have waited for a subscription
        UPDATE topic_states s
           SET subscriptions = s.subscriptions + 1,
               next_due_at = CASE WHEN v_topic.broadcast = 'auto' THEN least(s.next_due_at, call_time()) ELSE s.next_due_at END
         WHERE s.topic_id = v_topic.id;
    END IF;
    id := v_row.id;
    conflict := NOT created AND EXISTS (
        SELECT FROM jsonb_each(p_settings) given
         WHERE given.value IS DISTINCT FROM subscription_settings(v_row) -> given.key);
    RETURN NEXT;
END
$$;
