-- Look up a token by its SHA-256. No row when there is none, or when it has ended.
CREATE OR REPLACE FUNCTION broker.authorize_token(p_hash bytea)
RETURNS TABLE (
    id uuid, name text, scopes text[], topics text[], created_at timestamptz, expires_at timestamptz,
    requests_per_second integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = broker, pg_temp AS $$
    SELECT t.id, t.name, t.scopes, t.topics, t.created_at, t.expires_at, t.requests_per_second FROM tokens t
     WHERE t.hash = p_hash AND (t.expires_at IS NULL OR t.expires_at > call_time())
$$;
