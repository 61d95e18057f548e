-- Count the messages of each topic that were published since p_since, among the newest 5,000 of all topics; 0 for a topic that
-- has one of these, but an older one. p_likes: only topics whose name is like one of these; null: all.
CREATE OR REPLACE FUNCTION broker.published_lately(p_likes text[], p_since timestamptz)
RETURNS TABLE (topic_id integer, published bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    WITH counted AS MATERIALIZED (
        SELECT m.topic_id, count(*) FILTER (WHERE m.created_at >= p_since) AS published
          FROM (SELECT n.topic_id, n.created_at FROM broker.messages n ORDER BY n.id DESC LIMIT 5000) m
         GROUP BY m.topic_id)
    SELECT * FROM counted k
     WHERE p_likes IS NULL
        OR k.topic_id IN (SELECT unnest(broker.live_topics(ARRAY(SELECT c.topic_id FROM counted c), p_likes)));
END
$$;
