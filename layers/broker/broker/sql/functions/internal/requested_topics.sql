-- List the topics that Dispatch was asked to look at, from one to the next in the index.
CREATE OR REPLACE FUNCTION broker.requested_topics()
RETURNS SETOF integer
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_topic_id integer := 0;
BEGIN
    LOOP
        v_topic_id := (SELECT p.topic_id FROM broker.look_requests p WHERE p.topic_id > v_topic_id ORDER BY p.topic_id LIMIT 1);
        EXIT WHEN v_topic_id IS NULL;
        RETURN NEXT v_topic_id;
    END LOOP;
END
$$;
