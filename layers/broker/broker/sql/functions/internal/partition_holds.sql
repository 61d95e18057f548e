-- Say which messages in a partition are still needed; null: none are, and it may be removed.
CREATE OR REPLACE FUNCTION broker.partition_holds(p_partition broker.partitions)
RETURNS text
LANGUAGE plpgsql STABLE SET jit = off SET enable_seqscan = off AS $$
DECLARE
    v_first_id uuid := broker.first_uuid(p_partition.begins_at);
    v_end_id   uuid := broker.first_uuid(p_partition.ends_at);
BEGIN
    -- ordered and limited, or the planner takes a scan for the shorter way
    RETURN CASE
        WHEN p_partition.ends_at > broker.call_time() - (SELECT r.retention FROM broker.ring r)
             THEN 'its messages are within the retention'
        WHEN EXISTS (SELECT FROM broker.queue q WHERE q.message_id >= v_first_id AND q.message_id < v_end_id
                      ORDER BY q.message_id LIMIT 1) THEN 'it has waiting messages or dead letters'
        -- spans follow each other: those before the span of the slowest cursor's next message have been sent
        WHEN EXISTS (SELECT FROM (SELECT u.topic_id, min(u.cursor) AS cursor FROM broker.subscriptions u GROUP BY u.topic_id) slowest,
                       LATERAL (SELECT coalesce(max(p.first_seq), 0) AS first_seq FROM broker.log_spans p
                                 WHERE p.topic_id = slowest.topic_id AND p.first_seq <= slowest.cursor + 1) span,
                       LATERAL (SELECT FROM broker.log_spans s
                                 WHERE s.topic_id = slowest.topic_id AND s.first_seq >= span.first_seq
                                   AND s.last_seq > slowest.cursor
                                   AND s.first_id < v_end_id AND s.last_id >= v_first_id
                                 ORDER BY s.first_seq LIMIT 1) found)
             THEN 'a subscription has not received all its messages'
        WHEN EXISTS (SELECT FROM broker.redeliveries r WHERE r.message_id >= v_first_id AND r.message_id < v_end_id
                      ORDER BY r.message_id LIMIT 1) THEN 'redeliveries or dead letters of a subscription need it'
        -- nobody can see them before its commit
        WHEN EXISTS (SELECT FROM pg_locks l
                      WHERE l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                        AND l.relation = to_regclass(format('broker.%I', p_partition.name)) AND l.mode = 'RowExclusiveLock')
             THEN 'an open transaction has published messages into it' END;
END
$$;
