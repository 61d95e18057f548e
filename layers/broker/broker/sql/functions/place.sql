-- Where a row stands in a list that is ordered by a time and an id, as text: to be read with place_time and place_id.
CREATE OR REPLACE FUNCTION broker.place(p_at timestamptz, p_id uuid)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (extract(epoch FROM p_at) * 1000000)::bigint || '.' || p_id;
