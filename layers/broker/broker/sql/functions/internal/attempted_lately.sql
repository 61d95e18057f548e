-- Count the attempts that ended since p_since, of all subscriptions, or of those of the topics p_own. Null: it cannot be known,
-- for there are over 1,000 subscriptions, or over 20,000 attempts. An index by time, to read the newest of all, would be 72 bytes
-- of WAL for each webhook that is delivered.
CREATE OR REPLACE FUNCTION broker.attempted_lately(p_own integer[], p_since timestamptz)
RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_ids   uuid[];
    v_read  bigint;
    v_ended bigint;
BEGIN
    IF p_own IS NULL THEN
        v_ids := ARRAY(SELECT c.subscription_id FROM broker.cursors c ORDER BY c.subscription_id LIMIT 1001);
    ELSE
        v_ids := ARRAY(SELECT c.subscription_id
                         FROM unnest(p_own) o (id)
                        CROSS JOIN LATERAL (SELECT x.subscription_id FROM broker.cursors x WHERE x.topic_id = o.id LIMIT 1001) c
                        LIMIT 1001);
    END IF;
    IF cardinality(v_ids) > 1000 THEN
        RETURN NULL;
    END IF;
    SELECT count(*), count(*) FILTER (WHERE r.started_at + r.duration_ms * interval '1 ms' >= p_since) INTO v_read, v_ended
      FROM (SELECT a.started_at, a.duration_ms
              FROM unnest(v_ids) i (id)
             -- a request ends, and is recorded, up to 20 seconds after it started
             CROSS JOIN LATERAL (SELECT x.started_at, x.duration_ms FROM broker.attempts x
                                  WHERE x.subscription_id = i.id AND x.started_at >= p_since - interval '20 seconds'
                                 OFFSET 0) a
             LIMIT 20001) r;
    RETURN CASE WHEN v_read <= 20000 THEN v_ended END;
END
$$;
