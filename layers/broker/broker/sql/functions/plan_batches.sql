-- Lease up to p_limit subscriptions that are due, of one topic or (null) of all, and read the next batch of each: the
-- octets to send, with what to sign them. While the lease runs no other planner is given them; an outcome recorded with
-- another fence changes nothing. A batch's end is stored, so a retry is the same batch under the same webhook_id.
-- At most 400,000 octets a batch, one message always.
CREATE OR REPLACE FUNCTION broker.plan_batches(p_topic text, p_limit integer, p_lease_seconds integer)
RETURNS TABLE (subscription_id uuid, fence integer, url text, headers json, secrets text[], webhook_id text,
               first_seq bigint, last_seq bigint, attempt integer, body text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- planned for the topic asked for, if any; and by index scans only, whatever the planner expects of the log
SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT s.id, s.topic_id, t.name AS topic, s.cursor,
               s.batch_last_seq, least(s.cursor + s.batch_size, t.last_seq) AS reach
          FROM topics t JOIN subscriptions s ON s.topic_id = t.id
         WHERE t.deleted_at IS NULL AND (p_topic IS NULL OR t.name = p_topic)
           AND s.paused_at IS NULL AND s.disabled_at IS NULL
           AND s.due_at <= statement_timestamp() AND s.cursor < t.last_seq
           AND coalesce(s.batch_last_seq, 0) <= t.last_seq  -- its planner saw more of the log than this snapshot does
         ORDER BY s.due_at LIMIT p_limit
           FOR NO KEY UPDATE OF s SKIP LOCKED
    ), bounded AS MATERIALIZED (
        SELECT d.id, d.topic_id, d.topic, d.cursor,
               coalesce(d.batch_last_seq,
                        (SELECT max(sized.seq)
                           FROM (SELECT l.seq, sum(l.bytes) OVER (ORDER BY l.seq) AS total
                                   FROM log l
                                  WHERE l.topic_id = d.topic_id AND l.seq > d.cursor AND l.seq <= d.reach) sized
                          WHERE sized.total <= 400000 OR sized.seq = d.cursor + 1)) AS batch_last_seq
          FROM due d
    ), leased AS (
        UPDATE subscriptions s
           SET due_at = statement_timestamp() + make_interval(secs => p_lease_seconds), fence = s.fence + 1,
               batch_last_seq = b.batch_last_seq
          FROM bounded b WHERE s.id = ANY (ARRAY[b.id])
        RETURNING s.id, s.topic_id, b.topic, s.fence, s.url, s.headers, s.epoch, s.cursor + 1 AS first_seq,
                  s.batch_last_seq AS last_seq, s.failures + 1 AS attempt,
                  live_secrets(s.secrets, s.old_secrets_until) AS secrets
    )
    SELECT l.id, l.fence, l.url, l.headers, l.secrets, concat_ws('_', l.id, l.epoch, l.first_seq, l.last_seq),
           l.first_seq, l.last_seq, l.attempt,
           concat('{"topic":"', l.topic, '","subscription":"', l.id, '","messages":[', batch.messages, ']}')
      FROM leased l,
           LATERAL (SELECT string_agg(
                               -- a query of its own for each message: a join was planned as a scan of all partitions.
                               -- Written by hand, because the json functions put spaces everywhere
                               (SELECT concat('{"id":"', m.id, '","seq":', e.seq, ',"content":', m.content,
                                              ',"sender":', to_json(m.sender),
                                              ',"key":', coalesce(to_json(m.key), 'null'),
                                              ',"attributes":', coalesce(m.attributes, 'null'),
                                              ',"created_at":"', rfc3339(m.created_at), '"}')
                                  FROM messages m WHERE m.id = e.message_id), ',' ORDER BY e.seq) AS messages
                      FROM log e
                     WHERE e.topic_id = l.topic_id AND e.seq BETWEEN l.first_seq AND l.last_seq) batch;
END
$$;
