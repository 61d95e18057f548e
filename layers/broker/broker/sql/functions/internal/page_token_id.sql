-- The id in a page token; the lowest id when the token is null.
CREATE OR REPLACE FUNCTION broker.page_token_id(p_token text)
RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(split_part(p_token, '.', 2), '00000000-0000-0000-0000-000000000000')::uuid;
