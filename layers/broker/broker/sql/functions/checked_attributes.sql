-- A message's attributes; null when they are the JSON null. Raises BR400 when they are no object.
CREATE OR REPLACE FUNCTION broker.checked_attributes(p_attributes json, p_nth bigint)
RETURNS json
LANGUAGE plpgsql AS $$
BEGIN
    IF json_typeof(p_attributes) = 'null' THEN
        RETURN NULL;
    ELSIF json_typeof(p_attributes) <> 'object' THEN
        RAISE EXCEPTION 'attributes is no object' USING ERRCODE = 'BR400', DETAIL = json_build_array(
            json_build_object('pointer', format('/messages/%s/attributes', p_nth - 1), 'detail', 'is no object'));
    END IF;
    RETURN p_attributes;
END
$$;
