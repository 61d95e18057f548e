-- Count the messages of a topic that were published in each step and are stored. p_bounds: the beginning of each step, and the end
-- of the last. The newest p_max_rows messages of all topics are counted, and a few in each step; a step with more is sampled, and
-- not exact.
CREATE OR REPLACE FUNCTION broker.published_by_step(p_topic_id integer, p_bounds timestamptz[], p_max_rows integer)
RETURNS TABLE (nth integer, published bigint, exact boolean)
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    v_steps integer := cardinality(p_bounds) - 1;
    v_left  bigint := p_max_rows;
    v_read  bigint;
    v_from  uuid;
    v_until uuid;
BEGIN
    FOR v_nth IN REVERSE v_steps .. 1 LOOP
        nth := v_nth;
        v_from := broker.first_uuid(p_bounds[nth]);
        v_until := broker.first_uuid(p_bounds[nth + 1]);
        v_left := greatest(v_left, p_max_rows / 250);
        SELECT count(*), count(*) FILTER (WHERE r.topic_id = p_topic_id) INTO v_read, published
          FROM (SELECT m.topic_id FROM broker.messages m WHERE m.id >= v_from AND m.id < v_until LIMIT v_left + 1) r;
        v_left := v_left - v_read;
        exact := v_left >= 0;
        IF NOT exact THEN
            SELECT sum(broker.sample_published(p_topic_id, greatest(v_from, broker.first_uuid(p.begins_at)),
                                               least(v_until, broker.first_uuid(p.ends_at)), 1200 / v_steps))
              INTO published
              FROM broker.partitions p WHERE p.begins_at < p_bounds[nth + 1] AND p.ends_at > p_bounds[nth];
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
