-- Create a topic with these settings, or set them on the existing one: created says which.
-- p_token_id: a new topic counts for this token.
-- due: it existed, and is an auto topic now, so Dispatch may move what waits in it. A new topic is empty. Raises MB400; MB409
-- when the token has made too many topics.
CREATE OR REPLACE FUNCTION broker.put_topic(
    p_topic text, p_broadcast text, p_lease_seconds integer, p_max_receives integer, p_dead_days integer DEFAULT 30,
    p_token_id uuid DEFAULT NULL)
RETURNS TABLE (created boolean, due boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    created := false;
    LOOP
        UPDATE topics t
           SET broadcast = p_broadcast, lease_seconds = p_lease_seconds, max_receives = p_max_receives,
               dead_days = p_dead_days, updated_at = call_time()
         WHERE t.name = p_topic AND t.deleted_at IS NULL;
        EXIT WHEN FOUND;
        created := ensure_topic(p_topic, p_token_id);
    END LOOP;
    due := NOT created AND p_broadcast = 'auto';
    IF due THEN
        PERFORM lower_next_due((SELECT t.id FROM topics t WHERE t.name = p_topic AND t.deleted_at IS NULL), call_time());
    END IF;
    RETURN NEXT;
END
$$;
