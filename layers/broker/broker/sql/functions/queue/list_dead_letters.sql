-- List the dead letters of a topic, or of one of its subscriptions, in the order in which they died, as find_dead_letters
-- finds them: at most p_limit, and p_max_bytes of them (one always). For those of a subscription, receives is the number of
-- failed attempts. When there may be more, a last row holds nothing but next, a page token. Raises MB404.
CREATE OR REPLACE FUNCTION broker.list_dead_letters(
    p_topic text, p_filter json, p_after text, p_limit integer, p_max_bytes integer DEFAULT 5500000)
RETURNS TABLE (id uuid, content json, sender text, key text, attributes json, created_at timestamptz,
               died_at timestamptz, reason text, receives integer, next text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic        topics := find_topic(p_topic);
    v_subscription uuid := (p_filter ->> 'subscription')::uuid;
    v_ids          uuid[];
    v_next         text;
BEGIN
    SELECT f.ids, f.next INTO v_ids, v_next FROM find_dead_letters(v_topic.id, p_filter, p_after, p_limit) f;
    RETURN QUERY
    WITH sized AS MATERIALIZED (
        SELECT q.*, sum(q.bytes) OVER w AS total, row_number() OVER w AS nth
          FROM (SELECT q.message_id, q.died_at, q.reason, q.receives, q.bytes
                  FROM unnest(v_ids) u (id) JOIN queue q ON v_subscription IS NULL AND q.message_id = ANY (ARRAY[u.id])
                UNION ALL
                SELECT r.message_id, r.died_at, r.reason, r.failures, e.bytes
                  FROM unnest(v_ids) u (id)
                  JOIN redeliveries r ON r.subscription_id = v_subscription AND r.message_id = ANY (ARRAY[u.id])
                  JOIN log e ON e.topic_id = r.topic_id AND e.seq = ANY (ARRAY[r.seq])) q
        WINDOW w AS (ORDER BY q.died_at, q.message_id)
    ), fitting AS MATERIALIZED (
        SELECT z.* FROM sized z WHERE z.total <= p_max_bytes OR z.nth = 1
    ), last AS (
        SELECT CASE WHEN count(*) < cardinality(v_ids) THEN (array_agg(page_token(f.died_at, f.message_id) ORDER BY f.died_at DESC, f.message_id DESC))[1]
                    ELSE v_next END AS token
          FROM fitting f
    )
    (SELECT m.id, m.content, m.sender, m.key, m.attributes, m.created_at, f.died_at, f.reason, f.receives, NULL::text
       FROM fitting f CROSS JOIN LATERAL (SELECT s.* FROM messages s WHERE s.id = f.message_id OFFSET 0) m
      ORDER BY f.died_at, f.message_id)
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, l.token FROM last l WHERE l.token IS NOT NULL;
END
$$;
