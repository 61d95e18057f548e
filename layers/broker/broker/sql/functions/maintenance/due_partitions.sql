-- List the partitions of messages that are past the retention, and those whose removal was interrupted: these first, then the
-- oldest first. holds says which messages in it are still needed; null: none are, and it may be removed. attached is false once
-- its removal has begun: finish that, whatever it holds.
CREATE OR REPLACE FUNCTION broker.due_partitions()
RETURNS TABLE (name text, first_id uuid, end_id uuid, holds text, attached boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT p.name, first_uuid(p.begins_at), first_uuid(p.ends_at), partition_holds(p), p.attached
      FROM partitions p, ring r
     WHERE p.ends_at <= call_time() - r.retention OR NOT p.attached
     ORDER BY p.attached, p.begins_at;
END
$$;
