-- List a topic's subscriptions by id, after p_after; or the one with the id p_id. Secrets are not shown.
-- state: disabled, paused, waiting (its batch failed, or a failed redelivery asked to wait) or active: the first that fits.
-- behind: how many broadcast messages are not delivered yet. redeliveries, dead_letters: up to 1,000 are counted.
-- due_at: null when nothing is pending. Raises MB404 for the topic.
CREATE OR REPLACE FUNCTION broker.list_subscriptions(p_topic text, p_id uuid, p_after uuid, p_limit integer)
RETURNS TABLE (id uuid, topic text, name text, url text, state text, headers json, batch_size integer, retry_schedule integer[],
               ordered boolean, rate_per_second integer, backlog_days integer, cursor bigint, behind bigint,
               redeliveries bigint, dead_letters bigint, lost_from_seq bigint, lost_to_seq bigint, failures integer,
               due_at timestamptz, paused_at timestamptz, disabled_at timestamptz, disabled_reason text,
               old_secrets_until timestamptz, created_at timestamptz, updated_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    RETURN QUERY
    SELECT s.id, v_topic.name, s.name, s.url,
           CASE WHEN s.disabled_at IS NOT NULL THEN 'disabled'
                WHEN s.paused_at IS NOT NULL THEN 'paused'
                WHEN (s.batch_last_seq IS NOT NULL OR s.redelivery_due_at IS NOT NULL) AND s.lease_ends_at IS NULL
                     AND s.due_at > call_time() THEN 'waiting'
                ELSE 'active' END,
           s.headers, s.batch_size, s.retry_schedule, s.ordered, s.rate_per_second,
           s.backlog_days, s.cursor, v_topic.last_seq - s.cursor,
           CASE WHEN s.redelivery_due_at IS NULL THEN 0
                ELSE (SELECT count(*) FROM (SELECT FROM redeliveries r WHERE r.subscription_id = s.id AND r.died_at IS NULL
                                             LIMIT 1000) waiting) END,
           (SELECT count(*) FROM (SELECT FROM redeliveries r WHERE r.subscription_id = s.id AND r.died_at IS NOT NULL
                                   LIMIT 1000) dead),
           s.lost_from_seq, s.lost_to_seq, s.failures,
           CASE WHEN s.cursor < v_topic.last_seq THEN s.due_at
                WHEN s.redelivery_due_at IS NOT NULL THEN greatest(s.due_at, s.redelivery_due_at) END,
           s.paused_at, s.disabled_at, s.disabled_reason,
           CASE WHEN s.old_secrets_until > call_time() THEN s.old_secrets_until END, s.created_at, s.updated_at
      FROM subscriptions s
     WHERE s.topic_id = v_topic.id AND (p_id IS NULL OR s.id = p_id) AND (p_after IS NULL OR s.id > p_after)
     ORDER BY s.id LIMIT p_limit;
END
$$;
