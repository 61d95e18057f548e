-- What waits in a topic, leased and delayed messages too, in the order in which it will be taken, without taking it.
-- Begins after the message (p_after_ready_at, p_after_id) of an earlier call. At most p_limit, and p_max_bytes of them
-- (one always). Raises BR404.
CREATE OR REPLACE FUNCTION broker.browse_messages(
    p_topic text, p_after_ready_at timestamptz, p_after_id uuid, p_limit integer, p_max_bytes integer DEFAULT 5500000)
RETURNS TABLE (id uuid, content json, sender text, key text, attributes json, created_at timestamptz,
               ready_at timestamptz, leased_at timestamptz, receives integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    RETURN QUERY
    WITH page AS MATERIALIZED (
        SELECT q.* FROM queue q
         WHERE q.topic_id = v_topic.id AND q.died_at IS NULL
           AND (q.ready_at, q.message_id) > (coalesce(p_after_ready_at, '-infinity'),
                                             coalesce(p_after_id, '00000000-0000-0000-0000-000000000000'))
         ORDER BY q.ready_at, q.message_id LIMIT p_limit
    ), sized AS MATERIALIZED (
        SELECT p.*, sum(p.bytes) OVER w AS total, row_number() OVER w AS nth
          FROM page p WINDOW w AS (ORDER BY p.ready_at, p.message_id)
    )
    SELECT m.id, m.content, m.sender, m.key, m.attributes, m.created_at, z.ready_at, z.leased_at, z.receives
      FROM sized z JOIN messages m ON m.id = z.message_id
     WHERE z.total <= p_max_bytes OR z.nth = 1
     ORDER BY z.ready_at, z.message_id;
END
$$;
