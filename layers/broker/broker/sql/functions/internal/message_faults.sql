-- List what is wrong with a message, as POST /topics/{topic}/messages does: a pointer into it and a detail. No row when nothing
-- is.
CREATE OR REPLACE FUNCTION broker.message_faults(p_message json)
RETURNS TABLE (pointer text, detail text)
LANGUAGE sql STABLE AS $$
    SELECT '', 'must be an object' WHERE json_typeof(p_message) <> 'object'
    UNION ALL
    SELECT '', 'has no content' WHERE json_typeof(p_message) = 'object' AND p_message -> 'content' IS NULL
    UNION ALL
    SELECT broker.pointer_to(field.key),
           CASE WHEN field.key IN ('sender', 'key') THEN 'must be text of 1 to 256 characters'
                WHEN field.key = 'attributes' THEN 'must be an object of up to 100 texts, with names of 1 to 256 characters'
                ELSE 'is no field of a message' END
      FROM json_each(CASE WHEN json_typeof(p_message) = 'object' THEN p_message ELSE '{}' END) field
     WHERE CASE WHEN field.key = 'content' OR json_typeof(field.value) = 'null'
                THEN field.key NOT IN ('content', 'sender', 'key', 'attributes')
                WHEN field.key IN ('sender', 'key')
                THEN json_typeof(field.value) <> 'string' OR length(field.value #>> '{}') NOT BETWEEN 1 AND 256
                WHEN field.key = 'attributes' AND json_typeof(field.value) = 'object'
                THEN (SELECT count(*) > 100 OR bool_or(json_typeof(a.value) <> 'string' OR length(a.key) NOT BETWEEN 1 AND 256)
                        FROM json_each(field.value) a)
                ELSE true END
$$;
