-- Count the waiting messages of a topic (leased and delayed ones too), or with p_dead its dead letters: exact up to p_cap,
-- above it p_cap, with the planner's estimate beside. It never reads more than p_cap rows.
CREATE OR REPLACE FUNCTION broker.count_queue(p_topic_id integer, p_cap integer, p_dead boolean)
RETURNS TABLE (count bigint, exact boolean, estimate bigint)
LANGUAGE plpgsql VOLATILE AS $$  -- though it only reads: a function that is not VOLATILE may not EXPLAIN
DECLARE
    v_rows text := format('SELECT FROM broker.queue q WHERE q.topic_id = %s AND q.died_at IS %s',
                          p_topic_id, CASE WHEN p_dead THEN 'NOT NULL' ELSE 'NULL' END);
    v_plan json;
BEGIN
    EXECUTE format('SELECT count(*) FROM (%s LIMIT %s) counted', v_rows, p_cap + 1) INTO count;
    exact := count <= p_cap;
    estimate := count;
    IF NOT exact THEN
        count := p_cap;
        EXECUTE 'EXPLAIN (FORMAT JSON) ' || v_rows INTO v_plan;
        estimate := greatest(p_cap + 1, (v_plan #>> '{0,Plan,Plan Rows}')::numeric);
    END IF;
    RETURN NEXT;
END
$$;
