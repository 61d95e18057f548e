-- Lease subscriptions that are due, and read what each is sent next: the body, and the secrets to sign it with. That is the
-- next batch of its log, or a redelivery, in turns. The end of a batch is stored, so that a retry sends the same batch under
-- the same webhook_id. A webhook_id names the messages, by their ids: after a restore a seq may be that of another message, and
-- receivers drop the webhook_ids that they know. body is null when a message has no content, which nothing of the broker makes.
-- broadcast_at is that of the first message, null in an auto topic: there a message waits from its publish on.
-- p_limit: lease at most so many.
-- p_lease_seconds: so long no other planner leases them. An outcome that carries another fence changes nothing.
-- p_in_flight: at most so many are on lease at once, and at most half of these failed last time: so failing endpoints do not
-- delay the others.
-- p_outcomes: record these first, as record_attempts does: one call and one commit instead of two. Its helpers have no settings of
-- their own: to set and restore them takes a tenth of the time.
CREATE OR REPLACE FUNCTION broker.plan_batches(
    p_limit integer, p_lease_seconds integer, p_in_flight integer DEFAULT 1000, p_outcomes json DEFAULT NULL)
RETURNS TABLE (subscription_id uuid, fence bigint, url text, headers json, secrets text[], webhook_id text,
               first_seq bigint, last_seq bigint, attempt integer, retry_schedule integer[], ordered boolean,
               redelivery uuid, body text, broadcast_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_ends_at   timestamptz := call_time() + make_interval(secs => p_lease_seconds);
    v_room      integer;
    v_failing   integer;
    v_under_way uuid[];
    v_lost      boolean;  -- whether an outcome did not come in time
    v_ended     uuid[] := '{}';
    v_due       uuid[];
    v_planned   bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    IF p_outcomes IS NOT NULL THEN
        v_ended := record_attempts(p_outcomes);
    END IF;
    SELECT least(p_limit, p_in_flight - count(*)), p_in_flight / 2 - count(*) FILTER (WHERE d.failing),
           coalesce(array_agg(d.subscription_id), '{}'), EXISTS (SELECT FROM deliveries l WHERE l.ends_at <= call_time())
      INTO v_room, v_failing, v_under_way, v_lost
      FROM deliveries d WHERE d.ends_at > call_time();
    -- either may be negative: planners that counted at the same time may have leased more
    v_due := due_subscriptions(greatest(v_room, 0), greatest(v_failing, 0), v_under_way, v_ended);
    IF v_due = '{}' THEN
        RETURN;
    END IF;
    IF v_lost THEN
        PERFORM end_lost_deliveries(v_due);
    END IF;

    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT c.subscription_id AS id, c.topic_id, t.name AS topic, t.broadcast, c.cursor, c.epoch, c.failures, c.failing,
               c.batch_last_seq, h.last_seq AS log_end,
               c.redelivery_due_at <= call_time() AND (c.cursor >= h.last_seq OR NOT c.redelivered) AS again,
               least(c.cursor + s.batch_size, h.last_seq) AS reach, s.url, s.headers, s.retry_schedule, s.ordered,
               live_secrets(s.secrets, s.old_secrets_until) AS secrets
          FROM unnest(v_due) d (id), cursors c, subscriptions s, topics t, topic_states h
         WHERE c.subscription_id = ANY (ARRAY[d.id]) AND s.id = ANY (ARRAY[d.id])
           AND t.id = ANY (ARRAY[c.topic_id]) AND t.deleted_at IS NULL AND h.topic_id = ANY (ARRAY[c.topic_id])
    ), bounded AS MATERIALIZED (
        SELECT d.*, CASE WHEN d.again THEN NULL
                         WHEN d.batch_last_seq IS NOT NULL THEN d.batch_last_seq
                         WHEN d.reach = d.cursor + 1 THEN d.reach
                         ELSE (SELECT e.seq FROM batch_end(d.topic_id, d.cursor, d.reach) e) END AS ends_seq
          FROM due d
         WHERE (d.again OR d.cursor < d.log_end)
           AND coalesce(d.batch_last_seq, 0) <= d.log_end  -- the planner that stored it saw more of the log than this snapshot does
    ), leased AS (
        INSERT INTO deliveries (ends_at, subscription_id, topic_id, failing, last_seq)
        SELECT v_ends_at, b.id, b.topic_id, b.failing, b.ends_seq FROM bounded b
    ), sent AS (
        SELECT b.*, r.message_id, r.resent_at, coalesce(r.seq, b.cursor + 1) AS first_seq, coalesce(r.seq, b.ends_seq) AS last_seq,
               coalesce(r.failures, b.failures) + 1 AS attempt
          FROM bounded b
          LEFT JOIN LATERAL (SELECT d.message_id, d.seq, d.failures, d.resent_at FROM redeliveries d
                              WHERE b.again AND d.subscription_id = b.id AND d.died_at IS NULL
                              ORDER BY d.due_at, d.message_id LIMIT 1) r ON true
    ), ranked AS (
        SELECT s.*, row_number() OVER (PARTITION BY s.topic_id, s.first_seq, s.last_seq) AS nth FROM sent s
    )
    SELECT s.id, microseconds(v_ends_at), s.url, s.headers, s.secrets,
           webhook_id(s.id, s.epoch, coalesce(s.message_id, (max(content.first_id) OVER same)::uuid),
                      CASE WHEN s.message_id IS NULL THEN max(content.digest) OVER same ELSE microseconds(s.resent_at) END),
           s.first_seq, s.last_seq, s.attempt, s.retry_schedule, s.ordered, s.message_id,
           '{"topic":"' || s.topic || '","subscription":"' || s.id || CASE WHEN s.resent_at IS NULL THEN '"' ELSE '","resent":true' END
               || ',"messages":[' || max(content.messages) OVER same || ']}',
           CASE WHEN s.broadcast <> 'auto' THEN max(content.broadcast_at) OVER same END
      FROM ranked s
      -- read once for all that are sent the same: the others take the first's
      LEFT JOIN LATERAL batch_content(s.topic_id, s.first_seq, s.last_seq) content ON s.nth = 1
    WINDOW same AS (PARTITION BY s.topic_id, s.first_seq, s.last_seq);
    GET DIAGNOSTICS v_planned = ROW_COUNT;
    IF v_planned < cardinality(v_due) THEN
        PERFORM let_rest(v_due);
    END IF;
END
$$;
