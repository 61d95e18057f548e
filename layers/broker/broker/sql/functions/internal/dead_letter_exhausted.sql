-- Make dead letters of the ready messages of a topic, from p_floor on, whose receives are exhausted: those before the first
-- that has receives left, at most 1,000. Returns the ready_at of that one, or else of the last dead letter, null when no
-- message is ready; and how many became dead letters.
CREATE OR REPLACE FUNCTION broker.dead_letter_exhausted(p_topic_id integer, p_floor timestamptz)
RETURNS TABLE (next_ready_at timestamptz, dead integer)
LANGUAGE plpgsql
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_exhausted uuid[];
BEGIN
    SELECT array_agg(h.message_id) FILTER (WHERE h.living = 0),
           coalesce(min(h.ready_at) FILTER (WHERE h.living > 0), max(h.ready_at))
      INTO v_exhausted, next_ready_at
      FROM (SELECT q.message_id, q.ready_at,
                   count(*) FILTER (WHERE (q.receives >= q.max_receives) IS NOT TRUE) OVER (ORDER BY q.ready_at, q.message_id) AS living
              FROM broker.queue q
             WHERE q.topic_id = p_topic_id AND q.died_at IS NULL
               AND q.ready_at <= broker.call_time() AND q.ready_at >= p_floor
             ORDER BY q.ready_at, q.message_id LIMIT 1000) h;
    UPDATE broker.queue q SET died_at = broker.call_time(), reason = 'receives exhausted'
     WHERE q.message_id = ANY (ARRAY(
               SELECT w.message_id FROM broker.queue w
                WHERE w.message_id = ANY (v_exhausted) AND w.receives >= w.max_receives AND w.ready_at <= broker.call_time()
                  FOR UPDATE SKIP LOCKED))
       AND q.reason IS NULL;
    GET DIAGNOSTICS dead = ROW_COUNT;
    RETURN NEXT;
END
$$;
