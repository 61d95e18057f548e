-- Topics and their settings in the order of their names, after p_after, of those that match one of p_patterns (exact
-- names, or beginnings that end with *).
CREATE OR REPLACE FUNCTION broker.list_topics(p_patterns text[], p_after text, p_limit integer)
RETURNS TABLE (name text, broadcast text, lease_seconds integer, max_receives integer, last_seq bigint,
               created_at timestamptz, updated_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = broker, pg_temp AS $$
    SELECT t.name, t.broadcast, t.lease_seconds, t.max_receives, t.last_seq, t.created_at, t.updated_at
      FROM topics t
     WHERE t.deleted_at IS NULL AND (p_after IS NULL OR t.name > p_after)
       AND EXISTS (SELECT FROM unnest(p_patterns) p
                    WHERE CASE WHEN right(p, 1) = '*' THEN starts_with(t.name, left(p, -1)) ELSE t.name = p END)
     ORDER BY t.name LIMIT p_limit
$$;
