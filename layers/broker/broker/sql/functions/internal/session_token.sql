-- Return an id for the user of the session, where HTTP has the id of the token: idempotency keys and topics belong to it.
CREATE OR REPLACE FUNCTION broker.session_token()
RETURNS uuid
LANGUAGE sql STABLE
RETURN substr(encode(sha256(convert_to(session_user, 'UTF8')), 'hex'), 1, 32)::uuid;
