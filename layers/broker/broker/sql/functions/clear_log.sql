-- Clear the log of the messages of a partition that goes, p_first_id to p_end_id, which is not included: those of one
-- broadcast, 10,000 at most. Returns how many rows went: call it until none did.
CREATE OR REPLACE FUNCTION broker.clear_log(p_first_id uuid, p_end_id uuid)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off SET lock_timeout = '5s' AS $$
DECLARE
    v_span    log_spans;
    v_left    uuid[];  -- of the span, in order
    v_cleared integer;
BEGIN
    SELECT s.* INTO v_span
      FROM log_spans s, LATERAL (SELECT FROM log e
                                  WHERE e.topic_id = s.topic_id AND e.seq BETWEEN s.first_seq AND s.last_seq
                                    AND e.message_id >= p_first_id AND e.message_id < p_end_id LIMIT 1) met
     WHERE s.first_id < p_end_id AND s.last_id >= p_first_id
     LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    DELETE FROM log e
     WHERE e.topic_id = v_span.topic_id AND e.seq BETWEEN v_span.first_seq AND v_span.last_seq
       AND e.message_id >= p_first_id AND e.message_id < p_end_id;
    GET DIAGNOSTICS v_cleared = ROW_COUNT;
    v_left := ARRAY(SELECT e.message_id FROM log e
                     WHERE e.topic_id = v_span.topic_id AND e.seq BETWEEN v_span.first_seq AND v_span.last_seq
                     ORDER BY e.message_id);
    IF cardinality(v_left) = 0 THEN
        DELETE FROM log_spans s WHERE s.topic_id = v_span.topic_id AND s.first_seq = v_span.first_seq;
    ELSE
        UPDATE log_spans s SET first_id = v_left[1], last_id = v_left[cardinality(v_left)]
         WHERE s.topic_id = v_span.topic_id AND s.first_seq = v_span.first_seq;
    END IF;
    RETURN v_cleared;
END
$$;
