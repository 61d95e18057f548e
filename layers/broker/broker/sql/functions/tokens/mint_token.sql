-- Store a token by its SHA-256. No row when the name is taken.
CREATE OR REPLACE FUNCTION broker.mint_token(p_name text, p_hash bytea, p_scopes text[], p_topics text[])
RETURNS TABLE (id uuid, created_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
    INSERT INTO tokens AS t (id, name, hash, scopes, topics)
    VALUES (broker.uuidv7(ticks(clock_timestamp())), p_name, p_hash, p_scopes, p_topics)
    ON CONFLICT (name) DO NOTHING
    RETURNING t.id, t.created_at
$$;
