-- Clear the log of the messages of a partition, from p_first_id up to, not including, p_end_id: whole broadcasts of up to
-- p_limit messages together, or one. Returns how many rows: call it until it returns 0.
CREATE OR REPLACE FUNCTION broker.clear_log(p_first_id uuid, p_end_id uuid, p_limit integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s'
-- by index only: see consume.sql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_cleared integer;
BEGIN
    WITH found AS MATERIALIZED (
        SELECT s.topic_id, s.first_seq, s.last_seq
          FROM log_spans s, LATERAL (SELECT FROM log e
                                      WHERE e.topic_id = s.topic_id AND e.seq BETWEEN s.first_seq AND s.last_seq
                                        AND e.message_id >= p_first_id AND e.message_id < p_end_id LIMIT 1) found
         WHERE s.first_id < p_end_id AND s.last_id >= p_first_id
         LIMIT p_limit
    ), spans AS MATERIALIZED (
        SELECT n.topic_id, n.first_seq, n.last_seq
          FROM (SELECT f.*, sum(f.last_seq - f.first_seq + 1) OVER (ORDER BY f.topic_id, f.first_seq) AS total,
                       row_number() OVER (ORDER BY f.topic_id, f.first_seq) AS nth FROM found f) n
         WHERE n.total <= p_limit OR n.nth = 1
    ), doomed AS MATERIALIZED (
        -- OFFSET 0, and then by ctid: joined, the planner may compare all of a topic's log with all spans; nobody updates it
        SELECT g.at
          FROM spans s, LATERAL (SELECT e.ctid AS at FROM log e
                                  WHERE e.topic_id = s.topic_id AND e.seq BETWEEN s.first_seq AND s.last_seq
                                    AND e.message_id >= p_first_id AND e.message_id < p_end_id OFFSET 0) g
    ), cleared AS (
        DELETE FROM log e WHERE e.ctid = ANY (ARRAY(SELECT g.at FROM doomed g))
        RETURNING e.seq
    ), left_over AS MATERIALIZED (
        SELECT s.topic_id, s.first_seq, l.ids
          FROM spans s, LATERAL (SELECT array_agg(e.message_id ORDER BY e.message_id) AS ids FROM log e
                                  WHERE e.topic_id = s.topic_id AND e.seq BETWEEN s.first_seq AND s.last_seq
                                    AND (e.message_id < p_first_id OR e.message_id >= p_end_id)) l
    ), emptied AS (
        DELETE FROM log_spans s USING left_over l
         WHERE s.topic_id = l.topic_id AND s.first_seq = l.first_seq AND l.ids IS NULL
    ), narrowed AS (
        UPDATE log_spans s SET first_id = l.ids[1], last_id = l.ids[cardinality(l.ids)]
          FROM left_over l WHERE s.topic_id = l.topic_id AND s.first_seq = l.first_seq AND l.ids IS NOT NULL
    )
    SELECT count(*) INTO v_cleared FROM cleared;
    RETURN v_cleared;
END
$$;
