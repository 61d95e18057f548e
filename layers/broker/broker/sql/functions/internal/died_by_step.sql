-- Count the dead letters of a topic by the step in which they died. p_bounds: the beginning of each step, and the end of the last.
-- At most p_max_rows are counted, the newest; died is null in steps that hold older ones.
CREATE OR REPLACE FUNCTION broker.died_by_step(p_topic_id integer, p_bounds timestamptz[], p_max_rows integer)
RETURNS TABLE (nth integer, died bigint)
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    v_left bigint := p_max_rows;
BEGIN
    FOR v_nth IN REVERSE cardinality(p_bounds) - 1 .. 1 LOOP
        nth := v_nth;
        died := NULL;
        IF v_left >= 0 THEN
            SELECT count(*) INTO died
              FROM (SELECT FROM broker.queue q
                     WHERE q.topic_id = p_topic_id AND q.died_at IS NOT NULL
                       AND q.died_at >= p_bounds[nth] AND q.died_at < p_bounds[nth + 1] LIMIT v_left + 1) r;
            v_left := v_left - died;
        END IF;
        IF v_left < 0 THEN
            died := NULL;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
