-- Return the lane of a message: 32 bits of its key's digest; null without a key. Messages of one key are always in one lane.
CREATE OR REPLACE FUNCTION broker.lane(p_key text)
RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE  -- as convert_to() is, or it would not be part of its caller's statement
-- not hashtext(), whose values may change with a version of PostgreSQL while messages wait
RETURN CASE WHEN p_key IS NOT NULL THEN ('x' || left(encode(sha256(convert_to(p_key, 'UTF8')), 'hex'), 8))::bit(32)::integer END;
