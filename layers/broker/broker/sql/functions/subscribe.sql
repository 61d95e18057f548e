-- Register a webhook for a topic's coming broadcasts, creating the topic. Its name, unique in the topic, is its url
-- unless given. Asked again with the same url and settings (only those given are compared) it answers the one that
-- stands; with others nothing changes and conflict is true.
CREATE OR REPLACE FUNCTION broker.subscribe(
    p_topic text, p_name text, p_url text, p_secret text, p_headers json, p_batch_size integer)
RETURNS TABLE (id uuid, created boolean, conflict boolean, broadcast text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s' AS $$
DECLARE
    v_topic topics;
BEGIN
    LOOP
        -- a broadcast takes the same lock: a subscription sees it whole or not at all
        SELECT * INTO v_topic FROM topics t WHERE t.name = p_topic AND t.deleted_at IS NULL FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        PERFORM ensure_topic(p_topic);
    END LOOP;
    broadcast := v_topic.broadcast;
    SELECT s.id, s.url <> p_url OR s.batch_size <> p_batch_size OR s.headers::jsonb <> p_headers::jsonb
      INTO id, conflict
      FROM subscriptions s WHERE s.topic_id = v_topic.id AND s.name = coalesce(p_name, p_url);
    created := NOT FOUND;
    conflict := coalesce(conflict, false);
    IF created THEN
        id := broker.uuidv7(ticks(clock_timestamp()));
        INSERT INTO subscriptions AS s (id, topic_id, name, url, secrets, headers, batch_size, cursor)
        VALUES (subscribe.id, v_topic.id, coalesce(p_name, p_url), p_url, ARRAY[p_secret], coalesce(p_headers, '{}'),
                coalesce(p_batch_size, 100), v_topic.last_seq);
    END IF;
    RETURN NEXT;
END
$$;
