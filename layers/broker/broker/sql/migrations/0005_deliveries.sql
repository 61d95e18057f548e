-- How a subscription is retried, and what it lost.
ALTER TABLE subscriptions
    ADD COLUMN retry_schedule    integer[],  -- seconds between attempts; null: the broker's own
    ADD COLUMN ordered           boolean NOT NULL DEFAULT false,  -- a refused message blocks those behind it
    ADD COLUMN rate_per_second   integer CHECK (rate_per_second BETWEEN 1 AND 1000),  -- requests; null: no limit
    ADD COLUMN owed_days         integer NOT NULL DEFAULT 30 CHECK (owed_days BETWEEN 1 AND 365),
    ADD COLUMN start_seq         bigint  NOT NULL DEFAULT 0,  -- the end of the log when it came
    ADD COLUMN lost_from_seq     bigint,
    ADD COLUMN lost_to_seq       bigint,
    ADD COLUMN lease_ends_at     timestamptz,  -- while a request is under way
    ADD COLUMN redelivery_due_at timestamptz,  -- the first of its redeliveries; null: it has none
    ADD COLUMN redelivered       boolean NOT NULL DEFAULT false,  -- whether a redelivery was sent last: batches and redeliveries take turns
    ADD CHECK ((lost_from_seq IS NULL) = (lost_to_seq IS NULL) AND lost_from_seq <= lost_to_seq);
-- How many requests are under way is asked before each planning.
CREATE INDEX subscriptions_leased ON subscriptions (lease_ends_at) WHERE lease_ends_at IS NOT NULL;

-- Messages that a subscription refused: they are sent again one by one, until their attempts are exhausted.
CREATE TABLE redeliveries (
    subscription_id uuid        NOT NULL,
    message_id      uuid        NOT NULL,
    topic_id        integer     NOT NULL,
    seq             bigint      NOT NULL,
    failures        integer     NOT NULL,
    due_at          timestamptz NOT NULL,
    died_at         timestamptz,
    reason          text        NOT NULL,  -- of the last failure
    PRIMARY KEY (subscription_id, message_id)
);
-- A subscription's next one.
CREATE INDEX redeliveries_due ON redeliveries (subscription_id, due_at, message_id) WHERE died_at IS NULL;
-- Its dead letters in the order in which they died.
CREATE INDEX redeliveries_dead ON redeliveries (subscription_id, died_at, message_id) WHERE died_at IS NOT NULL;
-- Whether a partition of messages may go.
CREATE INDEX redeliveries_message ON redeliveries (message_id);

-- The first 1,024 bytes of a response, as text.
ALTER TABLE attempts ADD COLUMN answer text;
-- The attempt that delivered a message.
CREATE INDEX attempts_seq ON attempts (subscription_id, last_seq);
