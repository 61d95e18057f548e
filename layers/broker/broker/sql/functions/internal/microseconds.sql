-- Return a time in microseconds since 1970. The end of a lease is so its fence, by which its outcome is known: no two leases of a
-- subscription share one, not even in a database that was restored.
CREATE OR REPLACE FUNCTION broker.microseconds(p_at timestamptz)
RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (extract(epoch FROM p_at) * 1000000)::bigint;
