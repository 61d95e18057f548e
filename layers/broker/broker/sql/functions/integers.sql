-- An array of JSON numbers as integers; null of JSON null.
CREATE OR REPLACE FUNCTION broker.integers(p_array jsonb)
RETURNS integer[]
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN jsonb_typeof(p_array) = 'array' THEN ARRAY(SELECT e::integer FROM jsonb_array_elements_text(p_array) e) END;
