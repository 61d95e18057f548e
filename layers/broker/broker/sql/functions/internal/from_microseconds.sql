-- Return the time that microseconds() made a number of.
CREATE OR REPLACE FUNCTION broker.from_microseconds(p_microseconds bigint)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN timestamptz 'epoch' + p_microseconds * interval '1 microsecond';
