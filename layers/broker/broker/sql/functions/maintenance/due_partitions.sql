-- List the partitions of messages that are past the retention, oldest first. holds says which messages in it are still
-- needed; null: none are, and it may go. half_detached: an earlier DETACH was interrupted.
CREATE OR REPLACE FUNCTION broker.due_partitions()
RETURNS TABLE (name text, first_id uuid, end_id uuid, holds text, half_detached boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET enable_seqscan = off AS $$
BEGIN
    FOR name, first_id, end_id, half_detached IN
        SELECT c.relname, (regexp_match(b.bound, 'FROM \(''([^'']+)''\)'))[1]::uuid,
               (regexp_match(b.bound, 'TO \(''([^'']+)''\)'))[1]::uuid, i.inhdetachpending
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid, pg_get_expr(c.relpartbound, c.oid) b (bound)
         WHERE i.inhparent = 'messages'::regclass
         ORDER BY 2
    LOOP
        CONTINUE WHEN end_id > (SELECT first_uuid(statement_timestamp() - r.retention) FROM ring r);
        -- ordered and limited, or the planner takes a scan for the shorter way
        holds := CASE
            WHEN EXISTS (SELECT FROM queue q WHERE q.message_id >= first_id AND q.message_id < end_id
                          ORDER BY q.message_id LIMIT 1) THEN 'it has waiting messages or dead letters'
            -- spans follow each other: those before the span of the slowest cursor's next message have been sent
            WHEN EXISTS (SELECT FROM (SELECT u.topic_id, min(u.cursor) AS cursor FROM subscriptions u GROUP BY u.topic_id) slowest,
                           LATERAL (SELECT coalesce(max(p.first_seq), 0) AS first_seq FROM log_spans p
                                     WHERE p.topic_id = slowest.topic_id AND p.first_seq <= slowest.cursor + 1) span,
                           LATERAL (SELECT FROM log_spans s
                                     WHERE s.topic_id = slowest.topic_id AND s.first_seq >= span.first_seq
                                       AND s.last_seq > slowest.cursor
                                       AND s.first_id < due_partitions.end_id AND s.last_id >= due_partitions.first_id
                                     ORDER BY s.first_seq LIMIT 1) found)
                 THEN 'a subscription has not received all its messages'
            WHEN EXISTS (SELECT FROM redeliveries r WHERE r.message_id >= first_id AND r.message_id < end_id
                          ORDER BY r.message_id LIMIT 1) THEN 'redeliveries or dead letters of a subscription need it' END;
        RETURN NEXT;
    END LOOP;
END
$$;
