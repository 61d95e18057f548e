-- Return a time in the unit that a UUIDv7 counts: 1/4096 ms since 1970.
CREATE OR REPLACE FUNCTION broker.ticks(p_at timestamptz)
RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN floor(extract(epoch FROM p_at) * 4096000)::bigint;
