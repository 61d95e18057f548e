-- Write a time as the broker's JSON does: UTC, microseconds, Z (RFC 3339).
CREATE OR REPLACE FUNCTION broker.rfc3339(p_at timestamptz)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
