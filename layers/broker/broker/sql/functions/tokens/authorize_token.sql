-- Look up a token by its SHA-256. No row when there is none.
CREATE OR REPLACE FUNCTION broker.authorize_token(p_hash bytea)
RETURNS TABLE (id uuid, name text, scopes text[], topics text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = broker, pg_temp AS $$
    SELECT t.id, t.name, t.scopes, t.topics FROM tokens t WHERE t.hash = p_hash
$$;
