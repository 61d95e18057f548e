-- Return from when on overview counts for its rates: 15 seconds ago, or later when more was published, or failed, since then
-- than it reads: 5,000 messages, 2,000 attempts. It is planned as its caller says.
CREATE OR REPLACE FUNCTION broker.rates_since()
RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_since timestamptz := broker.call_time() - interval '15 seconds';
BEGIN
    RETURN greatest(
        v_since,
        (SELECT m.created_at FROM broker.messages m WHERE m.id >= broker.first_uuid(v_since)
          ORDER BY m.id DESC OFFSET 4999 LIMIT 1),
        (SELECT a.started_at FROM broker.attempts a
          WHERE a.started_at >= v_since AND (a.status BETWEEN 200 AND 299 AND a.reason IS NULL) IS NOT TRUE
          ORDER BY a.started_at DESC OFFSET 1999 LIMIT 1));
END
$$;
