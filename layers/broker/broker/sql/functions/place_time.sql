-- The time of a place; before all times when there is none.
CREATE OR REPLACE FUNCTION broker.place_time(p_place text)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(timestamptz 'epoch' + split_part(p_place, '.', 1)::bigint * interval '1 microsecond', '-infinity');
