-- A topic's subscriptions in the order of their ids, after p_after, or the one with the id p_id. Secrets are not shown.
-- behind counts what is broadcast and not yet delivered. Raises BR404 for the topic.
CREATE OR REPLACE FUNCTION broker.list_subscriptions(p_topic text, p_id uuid, p_after uuid, p_limit integer)
RETURNS TABLE (id uuid, topic text, name text, url text, headers json, batch_size integer, cursor bigint, behind bigint,
               failures integer, due_at timestamptz, paused_at timestamptz, disabled_at timestamptz, disabled_reason text,
               old_secrets_until timestamptz, created_at timestamptz, updated_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp AS $$
DECLARE
    v_topic topics := find_topic(p_topic);
BEGIN
    RETURN QUERY
    SELECT s.id, v_topic.name, s.name, s.url, s.headers, s.batch_size, s.cursor, v_topic.last_seq - s.cursor,
           s.failures, CASE WHEN s.cursor < v_topic.last_seq THEN s.due_at END, s.paused_at, s.disabled_at,
           s.disabled_reason, CASE WHEN s.old_secrets_until > statement_timestamp() THEN s.old_secrets_until END,
           s.created_at, s.updated_at
      FROM subscriptions s
     WHERE s.topic_id = v_topic.id AND (p_id IS NULL OR s.id = p_id) AND (p_after IS NULL OR s.id > p_after)
     ORDER BY s.id LIMIT p_limit;
END
$$;
