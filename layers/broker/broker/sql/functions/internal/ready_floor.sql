-- Return the ready_at from which a look for ready messages of a topic may start. What was ready before has been moved, but for
-- what commits late: a publish of a function waits for no lock for longer than five seconds, and every five seconds a broadcast
-- looks at all.
CREATE OR REPLACE FUNCTION broker.ready_floor(p_state broker.topic_states)
RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN broker.call_time() - p_state.looked_at BETWEEN interval '0' AND interval '5 seconds'
                THEN p_state.moved_until - interval '5 seconds' ELSE '-infinity' END
$$;
