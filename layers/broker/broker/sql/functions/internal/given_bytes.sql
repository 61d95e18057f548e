-- Return the bytes of a message as it was given: 262,144 at most, or no queue could carry it to a webhook.
CREATE OR REPLACE FUNCTION broker.given_bytes(p_content json, p_attributes json, p_sender text, p_key text)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN octet_length(p_content::text) + coalesce(octet_length(p_attributes::text), 0) + coalesce(octet_length(p_sender), 0)
       + coalesce(octet_length(p_key), 0);
