-- Delete a token. Returns false when there is none.
CREATE OR REPLACE FUNCTION broker.revoke_token(p_id uuid)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    DELETE FROM tokens t WHERE t.id = p_id;
    RETURN FOUND;
END
$$;
