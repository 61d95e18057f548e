-- Change the settings of a topic that p_changes names: broadcast, lease_seconds, max_receives (null: no limit).
-- Messages keep the max_receives that they were published with. Returns whether something may be due now: it is when the call
-- makes it an auto topic, of which Dispatch moves what waits. Raises MB404.
CREATE OR REPLACE FUNCTION broker.change_topic(p_topic text, p_changes jsonb)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    UPDATE topics t
       SET broadcast = coalesce(p_changes ->> 'broadcast', t.broadcast),
           lease_seconds = coalesce((p_changes ->> 'lease_seconds')::integer, t.lease_seconds),
           max_receives = CASE WHEN p_changes ? 'max_receives' THEN (p_changes ->> 'max_receives')::integer
                               ELSE t.max_receives END,
           updated_at = call_time()
     WHERE t.id = v_topic.id;
    RETURN coalesce(p_changes ->> 'broadcast' = 'auto', false);
END
$$;
