-- Return the partition of now. It is made if it is missing: Maintain has not run for days.
CREATE OR REPLACE FUNCTION broker.ensure_partition()
RETURNS broker.partitions
LANGUAGE plpgsql AS $$
DECLARE
    v_partition broker.partitions;
BEGIN
    SELECT * INTO v_partition FROM broker.partitions p
     WHERE p.attached AND p.begins_at <= clock_timestamp() AND p.ends_at > clock_timestamp() + interval '1 minute';
    IF NOT FOUND THEN
        PERFORM broker.ensure_partitions(clock_timestamp(), clock_timestamp() + interval '1 minute');
        SELECT * INTO v_partition FROM broker.partitions p
         WHERE p.attached AND p.begins_at <= clock_timestamp() AND p.ends_at > clock_timestamp();
    END IF;
    RETURN v_partition;
END
$$;
