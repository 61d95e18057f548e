-- Return the ready_at from which a look for ready messages of a topic may start. What was ready before has been moved, but for
-- what commits late: a publish of a function waits for no lock for longer than five seconds, and every five seconds, and when
-- something was published through SQL, a broadcast looks at all.
CREATE OR REPLACE FUNCTION broker.ready_floor(p_state broker.topic_states)
RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_state.looked_at BETWEEN broker.call_time() - interval '5 seconds' AND broker.call_time()
                THEN p_state.moved_until - interval '5 seconds' ELSE '-infinity' END
$$;
