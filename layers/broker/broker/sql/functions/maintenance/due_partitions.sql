-- List the partitions that are past the retention, the oldest first, and those whose removal was interrupted: these before.
-- attached is false once its removal has begun: finish that, whatever it holds. busy: an open transaction has published into it.
CREATE OR REPLACE FUNCTION broker.due_partitions()
RETURNS TABLE (name text, ends_at timestamptz, attached boolean, busy boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT p.name, p.ends_at, p.attached,
           EXISTS (SELECT FROM pg_locks l
                    WHERE l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                      AND l.relation = to_regclass(format('broker.%I', 'messages_' || p.name)) AND l.mode = 'RowExclusiveLock')
      FROM partitions p, ring r
     WHERE p.ends_at <= call_time() - r.retention OR NOT p.attached
     ORDER BY p.attached, p.begins_at;
END
$$;
