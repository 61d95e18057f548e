-- Return how wide a partition is that is made now: an eighth of the retention, and min_width at least.
CREATE OR REPLACE FUNCTION broker.ring_width()
RETURNS interval
LANGUAGE sql STABLE AS $$
    -- in seconds: a day of the session's time zone may have 23 hours
    SELECT make_interval(secs => greatest(extract(epoch FROM r.min_width), extract(epoch FROM r.retention) / 8)::float8)
      FROM broker.ring r
$$;
