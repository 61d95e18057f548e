-- Count what is ready, leased, delayed and dead in a topic: it reads 1,001 of what is ready, of what is not, and of what is
-- dead. ahead is leased and delayed together. oldest_ready_at is null when nothing is ready.
CREATE OR REPLACE FUNCTION broker.count_states(p_topic_id integer)
RETURNS TABLE (ready bigint, oldest_ready_at timestamptz, leased bigint, ahead bigint, dead bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT count(*), min(r.ready_at) INTO ready, oldest_ready_at
      FROM (SELECT q.ready_at FROM broker.queue q
             WHERE q.topic_id = p_topic_id AND q.died_at IS NULL AND q.ready_at <= broker.call_time()
             ORDER BY q.ready_at, q.message_id LIMIT 1001) r;
    SELECT count(*), count(a.leased_at) INTO ahead, leased
      FROM (SELECT q.leased_at FROM broker.queue q
             WHERE q.topic_id = p_topic_id AND q.died_at IS NULL AND q.ready_at > broker.call_time() LIMIT 1001) a;
    SELECT count(*) INTO dead
      FROM (SELECT FROM broker.queue q WHERE q.topic_id = p_topic_id AND q.died_at IS NOT NULL LIMIT 1001) d;
    RETURN NEXT;
END
$$;
