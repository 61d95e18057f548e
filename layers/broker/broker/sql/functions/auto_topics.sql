-- The topics that broadcast by themselves, have a subscription, and have something ready: of those named, or (null) of all.
-- Those that are watched are left to who watches them.
CREATE OR REPLACE FUNCTION broker.auto_topics(p_topics text[])
RETURNS TABLE (name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off AS $$
    SELECT t.name
      FROM topics t,
           LATERAL (SELECT q.ready_at FROM queue q WHERE q.topic_id = t.id AND q.died_at IS NULL
                     ORDER BY q.ready_at, q.message_id LIMIT 1) first
     WHERE t.broadcast = 'auto' AND t.deleted_at IS NULL AND (p_topics IS NULL OR t.name = ANY (p_topics))
       AND (t.watched_until > clock_timestamp()) IS NOT TRUE
       AND first.ready_at <= statement_timestamp() AND EXISTS (SELECT FROM subscriptions s WHERE s.topic_id = t.id)
     ORDER BY first.ready_at
$$;
