-- List tokens by id, after p_after; or the one with the id p_id.
CREATE OR REPLACE FUNCTION broker.list_tokens(p_id uuid, p_after uuid, p_limit integer)
RETURNS TABLE (
    id uuid, name text, scopes text[], topics text[], created_at timestamptz, expires_at timestamptz,
    requests_per_second integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = broker, pg_temp AS $$
    SELECT t.id, t.name, t.scopes, t.topics, t.created_at, t.expires_at, t.requests_per_second FROM tokens t
     WHERE (p_id IS NULL OR t.id = p_id) AND (p_after IS NULL OR t.id > p_after)
     ORDER BY t.id LIMIT p_limit
$$;
