-- Return when a subscription of a topic is due next, with a batch or a redelivery. In the past when one is due now, null when
-- nothing is pending. A subscription on lease is left out: Deliver sends an outcome for each job.
CREATE OR REPLACE FUNCTION broker.topic_due(p_topic broker.topics)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
    RETURN CASE WHEN p_topic.deleted_at IS NULL THEN least(
        (SELECT s.due_at FROM broker.subscriptions s
          WHERE s.topic_id = p_topic.id AND s.paused_at IS NULL AND s.disabled_at IS NULL AND s.cursor < p_topic.last_seq
            AND (s.lease_ends_at IS NULL OR s.lease_ends_at <= broker.call_time())
          ORDER BY s.due_at LIMIT 1),
        (SELECT min(greatest(s.due_at, s.redelivery_due_at)) FROM broker.subscriptions s
          WHERE s.topic_id = p_topic.id AND s.paused_at IS NULL AND s.disabled_at IS NULL
            AND s.redelivery_due_at IS NOT NULL
            AND (s.lease_ends_at IS NULL OR s.lease_ends_at <= broker.call_time()))) END;
END
$$;
