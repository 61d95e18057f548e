-- Return the secrets that sign webhooks now, the newest first: the older ones only until p_old_until.
CREATE OR REPLACE FUNCTION broker.live_secrets(p_secrets text[], p_old_until timestamptz)
RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_old_until > broker.call_time() THEN p_secrets ELSE p_secrets[1:1] END
$$;
