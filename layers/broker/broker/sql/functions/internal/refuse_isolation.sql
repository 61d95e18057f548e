-- Raise MB412: under REPEATABLE READ or SERIALIZABLE a verb would not see what others have committed since the snapshot, such as
-- the deletion of its topic, and report a message as stored that is lost. A verb checks this by itself, in 0.2 µs.
CREATE OR REPLACE FUNCTION broker.refuse_isolation()
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the transaction is %, and verbs need READ COMMITTED', upper(current_setting('transaction_isolation'))
          USING ERRCODE = 'MB412', HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED';
END
$$;
