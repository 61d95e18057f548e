-- Let those of these subscriptions rest that have nothing to be sent: their pause is over, or their topic is deleted. It is planned as
-- its caller says.
CREATE OR REPLACE FUNCTION broker.let_rest(p_subscription_ids uuid[])
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE broker.cursors c
       SET due_at = NULL, redelivery_due_at = CASE WHEN t.deleted_at IS NULL THEN c.redelivery_due_at END
      FROM unnest(p_subscription_ids) i (id), broker.topics t, broker.topic_states h
     WHERE c.subscription_id = ANY (ARRAY[i.id]) AND t.id = ANY (ARRAY[c.topic_id]) AND h.topic_id = ANY (ARRAY[c.topic_id])
       AND (t.deleted_at IS NOT NULL
            OR c.cursor >= h.last_seq AND (c.redelivery_due_at <= broker.call_time()) IS NOT TRUE);
END
$$;
