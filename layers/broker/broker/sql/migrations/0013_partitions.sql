-- Until Migrate has replaced the functions, those of the version before make no partition that is missing below. Nothing reads
-- ends_at after that; a later release drops it.
UPDATE ring SET ends_at = 'infinity';
-- The partitions of messages, each with the time of its messages' ids. The catalog has the bounds as text only, and of a table
-- that is detached none at all.
CREATE TABLE partitions (
    name      text        PRIMARY KEY,
    begins_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL CHECK (ends_at > begins_at),
    attached  boolean     NOT NULL DEFAULT true  -- false: publish does not use it, because its removal has begun
);
-- Those that exist, and those whose removal was interrupted: a table that was detached without a lock keeps its bounds as a
-- check.
INSERT INTO partitions (name, begins_at, ends_at, attached)
SELECT c.relname, b.bounds[1], b.bounds[2], coalesce(NOT i.inhdetachpending, false)
  FROM pg_class c
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid,
       LATERAL (SELECT coalesce(pg_get_expr(c.relpartbound, c.oid), string_agg(pg_get_constraintdef(k.oid), ' '))
                  FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c') d (definition),
       LATERAL (SELECT array_agg(timestamptz 'epoch' + ('x' || translate(left(m[1], 13), '-', ''))::bit(48)::bigint
                                 * interval '1 ms' ORDER BY m[1])
                  FROM regexp_matches(d.definition, '[0-9a-f-]{36}', 'g') m) b (bounds)
 WHERE c.relnamespace = 'broker'::regnamespace AND c.relkind = 'r' AND c.relname LIKE 'messages\_%'
   AND cardinality(b.bounds) = 2;
