-- Make the partitions of messages that reach beyond p_until; nothing when they exist. Returns how many were made. Each begins
-- where the last one ends, and is an eighth of the retention wide, a day at least, so that the ring has at most ten. When
-- none was made for days, one partition covers the gap. Each is built apart and attached: creating it in place would lock out
-- every publisher.
CREATE OR REPLACE FUNCTION broker.ensure_partitions(p_until timestamptz)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    v_ring  ring;
    v_next  timestamptz;
    v_name  text;
    v_made  integer := 0;
BEGIN
    SELECT * INTO v_ring FROM ring FOR UPDATE;
    WHILE v_ring.ends_at <= p_until LOOP
        v_next := v_ring.ends_at + greatest(interval '1 day', v_ring.retention / 8);
        IF v_next <= statement_timestamp() THEN
            v_next := date_trunc('day', statement_timestamp(), 'UTC');
        END IF;
        v_name := format('messages_%s', to_char(v_ring.ends_at AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MISS'));
        EXECUTE format('CREATE TABLE %I (LIKE messages INCLUDING ALL)', v_name);
        EXECUTE format('ALTER TABLE messages ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       v_name, first_uuid(v_ring.ends_at), first_uuid(v_next));
        v_ring.ends_at := v_next;
        v_made := v_made + 1;
    END LOOP;
    UPDATE ring SET ends_at = v_ring.ends_at WHERE ends_at < v_ring.ends_at;
    RETURN v_made;
END
$$;
