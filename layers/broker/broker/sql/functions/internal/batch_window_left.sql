-- Return for how many seconds a batch window is still open; 0: it is not. One that ends in more than a second was opened before
-- the clock was set back, and is none: windows are half a second long at most.
CREATE OR REPLACE FUNCTION broker.batch_window_left(p_until timestamptz)
RETURNS double precision
LANGUAGE sql VOLATILE
RETURN CASE WHEN p_until <= clock_timestamp() + interval '1 second'
            THEN greatest(extract(epoch FROM p_until - clock_timestamp()), 0) ELSE 0 END;
