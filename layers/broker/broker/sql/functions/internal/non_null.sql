-- Return a JSON value; null for the JSON null.
CREATE OR REPLACE FUNCTION broker.non_null(p_value json)
RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN json_typeof(p_value) <> 'null' THEN p_value END;
