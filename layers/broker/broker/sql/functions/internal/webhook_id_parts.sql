-- Read what webhook_id() was made of, but for the subscription. One row; it is part of its caller's statement.
CREATE OR REPLACE FUNCTION broker.webhook_id_parts(p_webhook_id text)
RETURNS TABLE (epoch integer, message_id uuid, digest bigint)
LANGUAGE sql STABLE AS $$
    SELECT p.parts[2]::integer, p.parts[3]::uuid, CASE WHEN p.parts[4] NOT IN ('again', 'test') THEN ('x' || p.parts[4])::bit(64)::bigint END
      FROM (SELECT string_to_array(p_webhook_id, '_') OFFSET 0) p (parts)
$$;
