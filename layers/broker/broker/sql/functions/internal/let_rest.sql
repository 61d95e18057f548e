-- Let those of these subscriptions rest that have nothing to be sent: their pause is over, or their topic is deleted. It is planned as
-- its caller says.
CREATE OR REPLACE FUNCTION broker.let_rest(p_subscription_ids uuid[])
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE broker.cursors c
       SET due_at = NULL, redelivery_due_at = CASE WHEN NOT r.deleted THEN c.redelivery_due_at END
      FROM (SELECT x.subscription_id, t.deleted_at IS NOT NULL AS deleted
              FROM unnest(p_subscription_ids) i (id),
                   LATERAL (SELECT o.* FROM broker.cursors o WHERE o.subscription_id = ANY (ARRAY[i.id]) OFFSET 0) x,
                   broker.topics t, broker.topic_states h
             WHERE t.id = ANY (ARRAY[x.topic_id]) AND h.topic_id = ANY (ARRAY[x.topic_id])
               AND (t.deleted_at IS NOT NULL
                    OR x.cursor >= h.last_seq AND (x.redelivery_due_at <= broker.call_time()) IS NOT TRUE)
            OFFSET 0) r
     WHERE c.subscription_id = ANY (ARRAY[r.subscription_id]);
END
$$;
