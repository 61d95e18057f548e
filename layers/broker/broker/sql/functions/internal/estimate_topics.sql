-- Return the planner's estimate of how many topics there are whose name is like one of p_likes; null: all of them.
CREATE OR REPLACE FUNCTION broker.estimate_topics(p_likes text[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$  -- though it only reads: a function that is not VOLATILE may not EXPLAIN
DECLARE
    v_plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) SELECT FROM broker.topics t WHERE t.deleted_at IS NULL'
            || coalesce(format(' AND t.name LIKE ANY (%L::text[])', p_likes), '') INTO v_plan;
    RETURN (v_plan #>> '{0,Plan,Plan Rows}')::numeric;
END
$$;
