-- Return the time of the call, which every verb compares and stores. That is when the statement began, or in a procedure that
-- commits in a loop, which is one statement, when the transaction began.
-- Not clock_timestamp(): an index cannot be searched by what changes during the search.
CREATE OR REPLACE FUNCTION broker.call_time()
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN greatest(statement_timestamp(), transaction_timestamp());
