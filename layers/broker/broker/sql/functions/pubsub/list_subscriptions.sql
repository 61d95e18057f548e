-- List a topic's subscriptions by id, after p_after; or the one with the id p_id. Secrets are not shown.
-- behind: how many broadcast messages are not delivered yet. redeliveries, dead_letters: up to 1,000 are counted.
-- state and due_at: as in subscription_state and subscription_due_at. last_attempt_…: of the newest request that was sent to it.
-- Raises MB404 for the topic.
CREATE OR REPLACE FUNCTION broker.list_subscriptions(p_topic text, p_id uuid, p_after uuid, p_limit integer)
RETURNS TABLE (id uuid, topic text, name text, url text, state text, headers json, batch_size integer, retry_schedule integer[],
               ordered boolean, rate_per_second integer, backlog_days integer, cursor bigint, behind bigint,
               redeliveries bigint, dead_letters bigint, lost_from_seq bigint, lost_to_seq bigint, failures integer,
               due_at timestamptz, paused_at timestamptz, disabled_at timestamptz, disabled_reason text,
               old_secrets_until timestamptz, created_at timestamptz, updated_at timestamptz,
               last_attempt_at timestamptz, last_attempt_status integer, last_attempt_reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_topic    topics := find_topic(p_topic);
    v_last_seq bigint := (SELECT h.last_seq FROM topic_states h WHERE h.topic_id = v_topic.id);
    v_ids      uuid[];
BEGIN
    IF p_id IS NOT NULL THEN
        v_ids := ARRAY(SELECT s.id FROM subscriptions s WHERE s.id = p_id AND s.topic_id = v_topic.id);
    ELSE
        v_ids := ARRAY(SELECT s.id FROM subscriptions s
                        WHERE s.topic_id = v_topic.id AND s.id > coalesce(p_after, '00000000-0000-0000-0000-000000000000')
                        ORDER BY s.id LIMIT p_limit);
    END IF;
    RETURN QUERY
    SELECT s.id, v_topic.name, s.name, s.url,
           subscription_state(c),
           s.headers, s.batch_size, s.retry_schedule, s.ordered, s.rate_per_second,
           s.backlog_days, c.cursor, v_last_seq - c.cursor,
           CASE WHEN c.redelivery_due_at IS NULL THEN 0
                ELSE (SELECT count(*) FROM (SELECT FROM redeliveries r WHERE r.subscription_id = s.id AND r.died_at IS NULL
                                             LIMIT 1000) waiting) END,
           (SELECT count(*) FROM (SELECT FROM redeliveries r
                                   WHERE r.subscription_id = s.id AND r.died_at IS NOT NULL AND r.deleted_at IS NULL
                                   LIMIT 1000) dead),
           s.lost_from_seq, s.lost_to_seq, c.failures,
           subscription_due_at(c, v_last_seq, d.ends_at),
           c.paused_at, c.disabled_at, c.disabled_reason,
           CASE WHEN s.old_secrets_until > call_time() THEN s.old_secrets_until END, s.created_at, s.updated_at,
           a.started_at, a.status::integer, a.reason
      FROM unnest(v_ids) i (id)
      LEFT JOIN (SELECT u.subscription_id, max(u.ends_at) AS ends_at FROM deliveries u
                  WHERE u.ends_at > call_time() AND u.subscription_id = ANY (v_ids)
                  GROUP BY u.subscription_id) d ON d.subscription_id = i.id
      LEFT JOIN LATERAL (SELECT t.started_at, t.status, t.reason FROM attempts t
                          WHERE t.subscription_id = i.id ORDER BY t.started_at DESC LIMIT 1) a ON true,
           subscriptions s, cursors c
     WHERE s.id = ANY (ARRAY[i.id]) AND c.subscription_id = ANY (ARRAY[i.id])
     ORDER BY s.id;
END
$$;
