-- What was published under an idempotency key, for a day: the same request again gets the same answer.
CREATE TABLE idempotency_keys (
    topic_id    integer     NOT NULL,
    token_id    uuid        NOT NULL,  -- zeros: from the SQL door
    key         text        NOT NULL CHECK (key <> ''),
    fingerprint bytea       NOT NULL,  -- of the request's body
    ids         uuid[]      NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (topic_id, token_id, key)  -- a concurrent call with the same key waits here
);
-- The oldest are cleared first.
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
