-- Return the lowest UUIDv7 of a millisecond: 48 bits of time and zeros. It bounds partitions, and searches by time.
CREATE OR REPLACE FUNCTION broker.first_uuid(p_at timestamptz)
RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (lpad(to_hex(floor(extract(epoch FROM p_at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
