-- Where a list goes on: behind the row with this time and id, as text. page_token_time and page_token_id read it.
CREATE OR REPLACE FUNCTION broker.page_token(p_at timestamptz, p_id uuid)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (extract(epoch FROM p_at) * 1000000)::bigint || '.' || p_id;
