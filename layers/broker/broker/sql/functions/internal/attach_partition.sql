-- Let publish use a partition: attach its table to messages, unless it is.
CREATE OR REPLACE FUNCTION broker.attach_partition(p_name text)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_partition broker.partitions;
BEGIN
    UPDATE broker.partitions p SET attached = true WHERE p.name = p_name RETURNING * INTO v_partition;
    IF NOT broker.finalize_detach(p_name) THEN
        EXECUTE format('ALTER TABLE broker.messages ATTACH PARTITION broker.%I FOR VALUES FROM (%L) TO (%L)',
                       p_name, broker.first_uuid(v_partition.begins_at), broker.first_uuid(v_partition.ends_at));
    END IF;
END
$$;
