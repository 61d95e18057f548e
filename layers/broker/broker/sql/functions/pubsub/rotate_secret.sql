-- Give a subscription a new secret. The older ones, at most four, also sign for p_overlap_seconds; 0: they end at once. No
-- row when the topic has no such subscription. Raises MB404 for the topic.
CREATE OR REPLACE FUNCTION broker.rotate_secret(p_topic text, p_id uuid, p_secret text, p_overlap_seconds integer)
RETURNS TABLE (old_secrets_until timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
    v_until timestamptz := CASE WHEN p_overlap_seconds > 0
                                THEN call_time() + make_interval(secs => p_overlap_seconds) END;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    RETURN QUERY
    UPDATE subscriptions s
       SET secrets = CASE WHEN v_until IS NULL THEN ARRAY[p_secret]
                          ELSE (p_secret || live_secrets(s.secrets, s.old_secrets_until))[1:5] END,
           old_secrets_until = v_until, updated_at = call_time()
     WHERE s.topic_id = v_topic.id AND s.id = p_id
    RETURNING s.old_secrets_until;
END
$$;
