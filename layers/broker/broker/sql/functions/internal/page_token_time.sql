-- The time in a page token; before all times when the token is null.
CREATE OR REPLACE FUNCTION broker.page_token_time(p_token text)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(timestamptz 'epoch' + split_part(p_token, '.', 1)::bigint * interval '1 microsecond', '-infinity');
