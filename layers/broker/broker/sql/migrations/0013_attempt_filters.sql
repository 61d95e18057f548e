-- The attempts of a subscription that failed, and those that sent a message alone. What goes well writes to neither index: an
-- index of all attempts by seq would be 88 bytes of WAL for each batch.
-- A partitioned table has no CREATE INDEX CONCURRENTLY. Here it takes 0.4 s for 200,000 attempts; only what Dispatch records waits.
CREATE INDEX attempts_failed ON attempts (subscription_id, started_at)
    WHERE (status BETWEEN 200 AND 299 AND reason IS NULL) IS NOT TRUE;
CREATE INDEX attempts_redelivery ON attempts (subscription_id, first_seq, started_at) WHERE digest IS NULL;
