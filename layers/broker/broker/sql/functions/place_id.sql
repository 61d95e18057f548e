-- The id of a place; before all ids when there is none.
CREATE OR REPLACE FUNCTION broker.place_id(p_place text)
RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(split_part(p_place, '.', 2), '00000000-0000-0000-0000-000000000000')::uuid;
