-- Remove the deliveries of these subscriptions whose lease has ended without an outcome, and note with the cursor what was sent: the
-- same batch is sent again, or, after a redelivery, a batch takes its turn. It is planned as its caller says.
CREATE OR REPLACE FUNCTION broker.end_lost_deliveries(p_subscription_ids uuid[])
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH lost AS (
        DELETE FROM broker.deliveries d
         WHERE d.ctid = ANY (ARRAY(SELECT o.ctid FROM broker.deliveries o
                                    WHERE o.ends_at <= broker.call_time() AND o.subscription_id = ANY (p_subscription_ids)
                                      FOR UPDATE SKIP LOCKED))  -- an outcome that comes late may be recorded at this moment
        RETURNING d.subscription_id, d.last_seq
    )
    UPDATE broker.cursors c
       SET batch_last_seq = coalesce(c.batch_last_seq, CASE WHEN l.last_seq > c.cursor THEN l.last_seq END),
           redelivered = l.redelivered
      FROM (SELECT o.subscription_id, max(o.last_seq) AS last_seq, bool_or(o.last_seq IS NULL) AS redelivered
              FROM lost o GROUP BY o.subscription_id) l
     WHERE c.subscription_id = ANY (ARRAY[l.subscription_id]);
END
$$;
