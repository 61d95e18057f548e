-- Name the tables that are divided into the partitions of the ring.
CREATE OR REPLACE FUNCTION broker.rings()
RETURNS text[]
LANGUAGE sql IMMUTABLE
RETURN ARRAY['messages', 'log', 'log_spans', 'attempts'];
