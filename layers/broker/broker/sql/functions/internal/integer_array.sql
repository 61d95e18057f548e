-- Return a JSON array of numbers as integers; null for the JSON null.
CREATE OR REPLACE FUNCTION broker.integer_array(p_array jsonb)
RETURNS integer[]
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN jsonb_typeof(p_array) = 'array' THEN ARRAY(SELECT e::integer FROM jsonb_array_elements_text(p_array) e) END;
