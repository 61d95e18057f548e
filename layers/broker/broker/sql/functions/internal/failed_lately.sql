-- Count the attempts that failed and ended since p_since, of the newest 2,000 such of all, and list their topics.
-- p_likes: only of topics whose name is like one of these; null: of all.
CREATE OR REPLACE FUNCTION broker.failed_lately(p_likes text[], p_since timestamptz)
RETURNS TABLE (failed bigint, topic_ids integer[])
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    WITH counted AS MATERIALIZED (
        SELECT count(*) AS failed, (SELECT c.topic_id FROM broker.cursors c WHERE c.subscription_id = a.subscription_id) AS topic_id
          FROM (SELECT t.subscription_id, t.started_at, t.duration_ms FROM broker.attempts t
                 -- a request ends, and is recorded, up to 20 seconds after it started
                 WHERE t.started_at >= p_since - interval '20 seconds'
                   AND (t.status BETWEEN 200 AND 299 AND t.reason IS NULL) IS NOT TRUE
                 ORDER BY t.started_at DESC LIMIT 2000) a
         WHERE a.started_at + a.duration_ms * interval '1 ms' >= p_since
         GROUP BY a.subscription_id)
    SELECT coalesce(sum(k.failed), 0)::bigint, array_agg(DISTINCT k.topic_id)
      FROM counted k
     WHERE p_likes IS NULL
        OR k.topic_id IN (SELECT unnest(broker.live_topics(ARRAY(SELECT c.topic_id FROM counted c), p_likes)));
END
$$;
