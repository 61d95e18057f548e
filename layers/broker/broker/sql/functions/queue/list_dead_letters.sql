-- List the dead letters of a topic, or of one of its subscriptions, in the order in which they died, as find_dead_letters and
-- find_dead_redeliveries find them: at most p_limit, and p_max_bytes of them (one always). For those of a subscription, receives
-- is the number of failed attempts. When there may be more, a last row holds nothing but next, a page token. Raises MB404.
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
    SELECT f.ids, f.next INTO v_ids, v_next FROM select_dead_letters(v_topic.id, p_filter, p_after, p_limit) f;
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT q.message_id, q.died_at, q.reason, q.receives, q.bytes
          FROM unnest(v_ids) u (id) JOIN queue q ON v_subscription IS NULL AND q.message_id = ANY (ARRAY[u.id])
        UNION ALL
        SELECT u.id, r.died_at, r.reason, r.failures, e.bytes
          FROM unnest(v_ids) u (id),
               LATERAL (SELECT d.* FROM redeliveries d
                         WHERE d.subscription_id = v_subscription AND d.message_id = u.id AND d.died_at IS NOT NULL
                         ORDER BY d.epoch DESC LIMIT 1) r,
               LATERAL (SELECT x.bytes FROM entries x WHERE x.message_id = u.id) e
    ), sized AS MATERIALIZED (
        SELECT f.*, sum(f.bytes) OVER w AS total, row_number() OVER w AS nth
          FROM found f WINDOW w AS (ORDER BY f.died_at, f.message_id)
    ), fitting AS MATERIALIZED (
        SELECT z.* FROM sized z WHERE z.total <= p_max_bytes OR z.nth = 1
    ), last AS (
        SELECT CASE WHEN count(*) < cardinality(v_ids) THEN (array_agg(page_token(f.died_at, f.message_id) ORDER BY f.died_at DESC, f.message_id DESC))[1]
                    ELSE v_next END AS token
          FROM fitting f
    )
    (SELECT m.id, m.content, m.sender, m.key, m.attributes, m.created_at, f.died_at, f.reason, f.receives, NULL::text
       FROM fitting f CROSS JOIN LATERAL (SELECT s.* FROM contents s WHERE s.id = f.message_id LIMIT 1) m
      ORDER BY f.died_at, f.message_id)
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, l.token FROM last l WHERE l.token IS NOT NULL;
END
$$;
