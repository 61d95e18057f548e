-- Return the last seq of the next batch of a topic's log behind p_cursor: up to p_reach, as far as the messages have 400,000
-- bytes together, but always one. One row; it is part of its caller's statement.
CREATE OR REPLACE FUNCTION broker.batch_end(p_topic_id integer, p_cursor bigint, p_reach bigint)
RETURNS TABLE (seq bigint)
LANGUAGE sql STABLE AS $$
    SELECT max(sized.seq)
      FROM (SELECT l.seq, sum(l.bytes) OVER (ORDER BY l.seq) AS total, row_number() OVER (ORDER BY l.seq) AS nth
              FROM broker.entries l
             WHERE l.topic_id = p_topic_id AND l.seq > p_cursor AND l.seq <= p_reach) sized
     WHERE sized.total <= 400000 OR sized.nth = 1
$$;
