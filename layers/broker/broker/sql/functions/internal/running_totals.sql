-- Return how many messages were published, broadcast and consumed, and how many attempts made, as PostgreSQL's statistics
-- count them: about a second late, with what was rolled back, and from 0 again after a reset. What left the queue and was not
-- broadcast counts as consumed. A partition that is dropped takes its part along. They read no table.
CREATE OR REPLACE FUNCTION broker.running_totals()
RETURNS json
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_published bigint;
    v_broadcast bigint;
    v_attempts  bigint;
BEGIN
    SELECT coalesce(sum(c.inserted) FILTER (WHERE i.inhparent = 'broker.messages'::regclass), 0),
           coalesce(sum(c.inserted) FILTER (WHERE i.inhparent = 'broker.log'::regclass), 0),
           coalesce(sum(c.inserted) FILTER (WHERE i.inhparent = 'broker.attempts'::regclass), 0)
      INTO v_published, v_broadcast, v_attempts
      FROM pg_catalog.pg_inherits i, LATERAL (SELECT pg_stat_get_tuples_inserted(i.inhrelid) AS inserted) c
     WHERE i.inhparent IN ('broker.messages'::regclass, 'broker.log'::regclass, 'broker.attempts'::regclass);
    RETURN json_build_object(
        'published', v_published, 'broadcast', v_broadcast,
        'consumed', greatest(pg_stat_get_tuples_deleted('broker.queue'::regclass) - v_broadcast, 0),
        'attempts', v_attempts);
END
$$;
