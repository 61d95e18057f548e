-- How many messages of a topic wait (leased and delayed ones too): exact up to p_cap, beyond it the planner's estimate
-- beside the cap. It never scans more than p_cap rows.
CREATE OR REPLACE FUNCTION broker.count_queue(p_topic_id integer, p_cap integer)
RETURNS TABLE (waiting bigint, exact boolean, estimate bigint)
LANGUAGE plpgsql VOLATILE AS $$  -- though it only reads: no other function may EXPLAIN
DECLARE
    v_plan json;
BEGIN
    SELECT count(*) INTO waiting
      FROM (SELECT FROM broker.queue q WHERE q.topic_id = p_topic_id AND q.died_at IS NULL LIMIT p_cap + 1) counted;
    exact := waiting <= p_cap;
    estimate := waiting;
    IF NOT exact THEN
        waiting := p_cap;
        EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM broker.queue q WHERE q.topic_id = %s AND q.died_at IS NULL', p_topic_id)
           INTO v_plan;
        estimate := greatest(p_cap + 1, (v_plan #>> '{0,Plan,Plan Rows}')::numeric);
    END IF;
    RETURN NEXT;
END
$$;
