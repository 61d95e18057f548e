-- Return the messages of a range of a topic's log as JSON, without the brackets; the first id, as text; 64 bits of the digest of
-- all ids; and when the first was broadcast. messages is null when one has no content, which nothing of the broker makes. One
-- row; it is part of its caller's statement.
CREATE OR REPLACE FUNCTION broker.batch_content(p_topic_id integer, p_first_seq bigint, p_last_seq bigint)
RETURNS TABLE (messages text, first_id text, digest bigint, broadcast_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN bool_and(w.message IS NOT NULL) THEN string_agg(w.message, ',' ORDER BY w.seq) END,
           (array_agg(w.id ORDER BY w.seq))[1]::text,
           ('x' || left(encode(sha256(string_agg(uuid_send(w.id), '' ORDER BY w.seq)), 'hex'), 16))::bit(64)::bigint,
           min(w.broadcast_at)
      FROM (SELECT e.seq, e.message_id AS id, e.broadcast_at,
                   -- A query of its own for each message: a join was planned as a scan of all partitions. Few were moved aside, and
                   -- only what is not in its partition is looked for there
                   coalesce((SELECT broker.message_json(m.id, e.seq, m.content, m.sender, m.key, m.attributes, m.created_at)
                               FROM broker.messages m WHERE m.id = e.message_id),
                            (SELECT broker.message_json(m.id, e.seq, m.content, m.sender, m.key, m.attributes, m.created_at)
                               FROM broker.kept_messages m WHERE m.id = e.message_id)) AS message
              FROM broker.entries e
             WHERE e.topic_id = p_topic_id AND e.seq BETWEEN p_first_seq AND p_last_seq
             ORDER BY e.seq OFFSET 0) w
$$;
