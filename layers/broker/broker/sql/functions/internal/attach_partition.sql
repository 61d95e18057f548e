-- Let publish use a partition: attach its tables, unless they are.
CREATE OR REPLACE FUNCTION broker.attach_partition(p_name text)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_partition broker.partitions;
    v_ring      text;
    v_first     text;
    v_end       text;
BEGIN
    UPDATE broker.partitions p SET attached = true WHERE p.name = p_name RETURNING * INTO v_partition;
    FOREACH v_ring IN ARRAY broker.rings() LOOP
        IF NOT broker.finalize_detach(v_ring, p_name) THEN
            v_first := v_partition.begins_at;
            v_end := v_partition.ends_at;
            IF v_ring IN ('messages', 'log') THEN  -- by the ids of messages
                v_first := broker.first_uuid(v_partition.begins_at);
                v_end := broker.first_uuid(v_partition.ends_at);
            END IF;
            EXECUTE format('ALTER TABLE broker.%I ATTACH PARTITION broker.%I FOR VALUES FROM (%L) TO (%L)',
                           v_ring, v_ring || '_' || p_name, v_first, v_end);
        END IF;
    END LOOP;
END
$$;
