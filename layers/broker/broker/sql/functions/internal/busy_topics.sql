-- Return the topics of which next_due() must not say that nothing is due. A request is under way: its outcome may leave a
-- subscription resting that is behind a broadcast of this moment. So may a planner, when the time of a subscription has come.
-- It is planned as its caller says.
CREATE OR REPLACE FUNCTION broker.busy_topics()
RETURNS integer[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT d.topic_id FROM broker.deliveries d
                 UNION ALL
                 SELECT c.topic_id FROM broker.cursors c
                  WHERE c.failing IN (false, true) AND c.due_at <= broker.call_time() + interval '10 s'
                    AND c.paused_at IS NULL AND c.disabled_at IS NULL);
END
$$;
