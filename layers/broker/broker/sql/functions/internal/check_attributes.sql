-- Return a message's attributes; null when they are the JSON null. Raises MB400 when they are not an object.
CREATE OR REPLACE FUNCTION broker.check_attributes(p_attributes json, p_nth bigint)
RETURNS json
LANGUAGE plpgsql AS $$
BEGIN
    IF json_typeof(p_attributes) = 'null' THEN
        RETURN NULL;
    ELSIF json_typeof(p_attributes) <> 'object' THEN
        RAISE EXCEPTION 'attributes must be an object' USING ERRCODE = 'MB400', DETAIL = json_build_array(
            json_build_object('pointer', format('/messages/%s/attributes', p_nth - 1), 'detail', 'must be an object'));
    END IF;
    RETURN p_attributes;
END
$$;
