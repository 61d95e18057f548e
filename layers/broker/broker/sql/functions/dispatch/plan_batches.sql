-- Lease subscriptions that are due, and read what each is sent next: the body, and the secrets to sign it with. That is the
-- next batch of its log, or a redelivery, in turns. The end of a batch is stored, so that a retry sends the same batch under
-- the same webhook_id. A batch has at most 400,000 bytes, but always one message. A webhook_id names the messages, by their
-- ids: after a restore a seq may be that of another message, and receivers drop the webhook_ids that they know.
-- p_topic: of one topic, or (null) of all.
-- p_limit: lease at most so many.
-- p_lease_seconds: so long no other planner leases them. An outcome that carries another fence changes nothing.
-- p_in_flight: at most so many are on lease at once. When half of them failed last time, none that failed is added: so
-- failing endpoints do not delay the others.
-- p_outcomes: record these first, as record_attempts does: one call and one commit instead of two.
CREATE OR REPLACE FUNCTION broker.plan_batches(
    p_topic text, p_limit integer, p_lease_seconds integer, p_in_flight integer DEFAULT 1000, p_outcomes json DEFAULT NULL)
RETURNS TABLE (subscription_id uuid, fence integer, url text, headers json, secrets text[], webhook_id text,
               first_seq bigint, last_seq bigint, attempt integer, retry_schedule integer[], ordered boolean,
               redelivery uuid, body text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic_id integer := (SELECT t.id FROM topics t WHERE t.name = p_topic AND t.deleted_at IS NULL);
    v_room     integer;
    v_failing  integer;
    v_due      uuid[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_isolation();
    END IF;
    IF p_outcomes IS NOT NULL THEN
        PERFORM record_attempts(p_outcomes);
    END IF;
    IF p_limit <= 0 OR v_topic_id IS NULL AND p_topic IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT least(p_limit, p_in_flight - count(*)), p_in_flight / 2 - count(*) FILTER (WHERE s.failures > 0) INTO v_room, v_failing
      FROM subscriptions s WHERE s.lease_ends_at > call_time();
    IF v_room <= 0 THEN  -- it may be negative: planners that counted at the same time may have leased more
        RETURN;
    END IF;
    v_due := ARRAY(SELECT due_subscriptions(v_topic_id, v_room, v_failing > 0));

    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT s.id, s.topic_id, t.name AS topic, s.cursor,
               s.batch_last_seq, least(s.cursor + s.batch_size, t.last_seq) AS reach,
               coalesce(s.redelivery_due_at <= call_time(), false)
               AND (s.cursor >= t.last_seq OR NOT s.redelivered) AS redelivers
          FROM unnest(v_due) d (id), subscriptions s, topics t
         WHERE s.id = ANY (ARRAY[d.id]) AND t.id = ANY (ARRAY[s.topic_id])
    ), bounded AS MATERIALIZED (
        SELECT d.id, d.topic_id, d.topic, d.cursor, d.redelivers,
               CASE WHEN d.redelivers OR d.batch_last_seq IS NOT NULL THEN d.batch_last_seq
                    WHEN d.reach = d.cursor + 1 THEN d.reach
                    ELSE (SELECT max(sized.seq)
                            FROM (SELECT l.seq, sum(l.bytes) OVER (ORDER BY l.seq) AS total
                                    FROM log l
                                   WHERE l.topic_id = d.topic_id AND l.seq > d.cursor AND l.seq <= d.reach) sized
                           WHERE sized.total <= 400000 OR sized.seq = d.cursor + 1) END AS batch_last_seq
          FROM due d
    ), leased AS (
        UPDATE subscriptions s
           SET due_at = call_time() + make_interval(secs => p_lease_seconds),
               lease_ends_at = call_time() + make_interval(secs => p_lease_seconds),
               fence = s.fence + 1, batch_last_seq = b.batch_last_seq, redelivered = b.redelivers
          FROM bounded b WHERE s.id = ANY (ARRAY[b.id])
        RETURNING s.*, b.topic, b.redelivers, live_secrets(s.secrets, s.old_secrets_until) AS live
    ), sent AS (
        SELECT l.id, l.topic_id, l.topic, l.fence, l.url, l.headers, l.live, l.epoch, l.retry_schedule, l.ordered, r.message_id,
               coalesce(r.seq, l.cursor + 1) AS first_seq, coalesce(r.seq, l.batch_last_seq) AS last_seq,
               coalesce(r.failures, l.failures) + 1 AS attempt
          FROM leased l
          LEFT JOIN LATERAL (SELECT d.message_id, d.seq, d.failures FROM redeliveries d
                              WHERE l.redelivers AND d.subscription_id = l.id AND d.died_at IS NULL
                              ORDER BY d.due_at, d.message_id LIMIT 1) r ON true
    ), ranked AS (
        SELECT s.*, row_number() OVER (PARTITION BY s.topic_id, s.first_seq, s.last_seq) AS nth FROM sent s
    )
    SELECT s.id, s.fence, s.url, s.headers, s.live,
           CASE WHEN s.message_id IS NULL THEN concat_ws('_', s.id, s.epoch, max(batch.name) OVER same)
                ELSE concat_ws('_', s.id, s.epoch, s.message_id, 'again') END,
           s.first_seq, s.last_seq, s.attempt, s.retry_schedule, s.ordered, s.message_id,
           '{"topic":"' || s.topic || '","subscription":"' || s.id || '","messages":['
           || max(batch.messages) OVER same || ']}'  -- that of the first
      FROM ranked s,
           -- read once for all that are sent the same
           LATERAL (SELECT string_agg(
                               -- a query of its own for each message: a join was planned as a scan of all partitions.
                               -- Written by hand, because the json functions put spaces everywhere
                               (SELECT concat('{"id":"', m.id, '","seq":', e.seq, ',"content":', m.content,
                                              ',"sender":', to_json(m.sender),
                                              ',"key":', coalesce(to_json(m.key), 'null'),
                                              ',"attributes":', coalesce(m.attributes, 'null'),
                                              ',"created_at":"', rfc3339(m.created_at), '"}')
                                  FROM messages m WHERE m.id = e.message_id), ',' ORDER BY e.seq) AS messages,
                           -- the first id, and 64 bits of the digest of all
                           (array_agg(e.message_id ORDER BY e.seq))[1] || '_'
                           || left(encode(sha256(string_agg(uuid_send(e.message_id), '' ORDER BY e.seq)), 'hex'), 16) AS name
                      FROM log e
                     WHERE s.nth = 1 AND e.topic_id = s.topic_id AND e.seq BETWEEN s.first_seq AND s.last_seq) batch
    WINDOW same AS (PARTITION BY s.topic_id, s.first_seq, s.last_seq);
END
$$;
