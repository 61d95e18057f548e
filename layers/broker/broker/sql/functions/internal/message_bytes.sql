-- Return the bytes of a message in a response, as escaped inside Lambda's own JSON, with room for what surrounds it.
CREATE OR REPLACE FUNCTION broker.message_bytes(p_content json, p_attributes json, p_sender text, p_key text)
RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
-- not concat(), which looks up the types of its arguments at each call
RETURN 400 + octet_length(to_json(p_content::text || coalesce(p_attributes::text, '') || to_json(p_sender)::text
                                  || coalesce(to_json(p_key)::text, ''))::text);
