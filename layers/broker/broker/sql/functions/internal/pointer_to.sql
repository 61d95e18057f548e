-- Return the pointer to a field of a JSON object (RFC 6901).
CREATE OR REPLACE FUNCTION broker.pointer_to(p_field text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '/' || replace(replace(p_field, '~', '~0'), '/', '~1');
