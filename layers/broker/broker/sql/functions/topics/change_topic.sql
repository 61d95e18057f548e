-- Change the settings of a topic that p_changes names: broadcast, lease_seconds, max_receives (null: no limit), dead_days (null:
-- for ever).
-- Messages keep the max_receives that they were published with. Returns whether something may be due now: it is when the call
-- makes it an auto topic, of which Dispatch moves what waits. Raises MB404.
CREATE OR REPLACE FUNCTION broker.change_topic(p_topic text, p_changes jsonb)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
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
           dead_days = CASE WHEN p_changes ? 'dead_days' THEN (p_changes ->> 'dead_days')::integer ELSE t.dead_days END,
           updated_at = call_time()
     WHERE t.id = v_topic.id;
    IF p_changes ->> 'broadcast' = 'auto' THEN
        PERFORM lower_next_due(v_topic.id, call_time());
    END IF;
    RETURN coalesce(p_changes ->> 'broadcast' = 'auto', false);
END
$$;
