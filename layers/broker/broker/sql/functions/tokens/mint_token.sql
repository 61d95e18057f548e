-- Store a token by its SHA-256. It ends p_expires_in seconds from now, and at p_latest at the latest; without both, never. No row when
-- the name is taken.
CREATE OR REPLACE FUNCTION broker.mint_token(
    p_name text, p_hash bytea, p_scopes text[], p_topics text[],
    p_expires_in integer DEFAULT NULL, p_latest timestamptz DEFAULT NULL, p_requests_per_second integer DEFAULT NULL)
RETURNS TABLE (id uuid, created_at timestamptz, expires_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
    INSERT INTO tokens AS t (id, name, hash, scopes, topics, created_at, expires_at, requests_per_second)
    VALUES (broker.uuidv7(ticks(clock_timestamp())), p_name, p_hash, p_scopes, p_topics, call_time(),
            least(call_time() + make_interval(secs => p_expires_in), p_latest),  -- least passes over nulls
            p_requests_per_second)
    ON CONFLICT (name) DO NOTHING
    RETURNING t.id, t.created_at, t.expires_at
$$;
