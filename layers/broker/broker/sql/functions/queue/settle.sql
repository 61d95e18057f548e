-- End leases.
-- p_receipts: {"ack", "release", "extend", "reject"}, each a list of receipts, or of {"receipt"} with "delay_seconds"
-- (release), "lease_seconds" (extend; by default the topic's) or "reason" (reject). A lease is extended from now on, not from
-- when the statement began.
-- gone: the message was removed, or this lease was settled before, so repeating a settle is safe.
-- stale: another consumer has leased the message since. Neither is changed.
-- Raises MB404. Raises MB400, with the faults as JSON in its DETAIL, when p_receipts is not valid, or when a receipt belongs to
-- another topic or is listed more than once.
CREATE OR REPLACE FUNCTION broker.settle(p_topic text, p_receipts json)
RETURNS TABLE (acked integer, released integer, extended integer, rejected integer, gone text[], stale text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM check_receipts(p_receipts);
    RETURN QUERY
    SELECT s.acked, s.released, s.extended, s.rejected, s.gone, s.stale FROM settle_unchecked(p_topic, p_receipts) s;
END
$$;
