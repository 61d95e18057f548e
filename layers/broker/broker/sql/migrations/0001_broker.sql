-- The broker's tables. The verbs in ../functions are their only writers, so there are no foreign keys between them:
-- a key from messages to topics alone costs a publisher up to a third of its rate.

-- Facts are timestamps: a topic is deleted when deleted_at is set. Its name is free from then on, and what it leaves
-- behind is cleared later.
CREATE TABLE topics (
    id            integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text        NOT NULL CHECK (name ~ '^[A-Za-z0-9._-]{1,128}$'),
    broadcast     text        NOT NULL DEFAULT 'manual' CHECK (broadcast IN ('manual', 'auto')),
    lease_seconds integer     NOT NULL DEFAULT 30 CHECK (lease_seconds BETWEEN 1 AND 86400),
    max_receives  integer     DEFAULT 10 CHECK (max_receives BETWEEN 1 AND 1000),  -- null: no end
    last_seq      bigint      NOT NULL DEFAULT 0,  -- given under this row's lock, so a cursor never skips a late commit
    created_at    timestamptz NOT NULL DEFAULT statement_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT statement_timestamp(),
    deleted_at    timestamptz
) WITH (fillfactor = 50);  -- every broadcast rewrites its topic's row: leave it room on its page
-- A name is looked up by each request, and is unique among the topics that live.
CREATE UNIQUE INDEX topics_name ON topics (name) WHERE deleted_at IS NULL;

-- What was published, never rewritten. A ring of at most ten partitions by UUIDv7, that is, by time: removing old
-- messages is removing a table. content is json, not jsonb: it keeps the publisher's bytes.
CREATE TABLE messages (
    id         uuid        NOT NULL PRIMARY KEY,
    topic_id   integer     NOT NULL,
    content    json        NOT NULL,
    sender     text        NOT NULL,
    key        text,
    attributes json,
    created_at timestamptz NOT NULL
) PARTITION BY RANGE (id);

-- One row: for how long messages are kept, and up to when partitions exist.
CREATE TABLE ring (
    one       boolean     PRIMARY KEY DEFAULT true CHECK (one),
    retention interval    NOT NULL DEFAULT '30 days' CHECK (retention BETWEEN '1 day' AND '365 days'),
    ends_at   timestamptz NOT NULL DEFAULT date_trunc('day', statement_timestamp(), 'UTC')
);

-- What waits. Narrow, so that a lease rewrites a hundred bytes and never the content.
CREATE TABLE queue (
    message_id   uuid        PRIMARY KEY,
    topic_id     integer     NOT NULL,
    ready_at     timestamptz NOT NULL,  -- ahead while leased or delayed
    leased_at    timestamptz,           -- null unless on lease
    died_at      timestamptz,
    receives     integer     NOT NULL DEFAULT 0,  -- only ever rises: it is the fence in a receipt
    max_receives integer,
    bytes        integer     NOT NULL,  -- of the message in an answer, as escaped inside Lambda's own JSON
    reason       text,
    CHECK (died_at IS NULL OR reason IS NOT NULL)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
-- The order of every claim. Leased and delayed rows lie ahead of now and are never walked; dead ones are not in it.
CREATE INDEX queue_ready ON queue (topic_id, ready_at, message_id) WHERE died_at IS NULL;

-- What was broadcast: a topic's messages, numbered without gaps.
CREATE TABLE log (
    topic_id   integer NOT NULL,
    seq        bigint  NOT NULL,
    message_id uuid    NOT NULL,
    bytes      integer NOT NULL,
    PRIMARY KEY (topic_id, seq)  -- every reader reads a range of seq
);

-- One row a broadcast call: where in the log it wrote, and which messages, so that a message is found in the log
-- without an index on each of its rows.
CREATE TABLE log_spans (
    topic_id     integer     NOT NULL,
    first_seq    bigint      NOT NULL,
    last_seq     bigint      NOT NULL CHECK (last_seq >= first_seq),
    first_id     uuid        NOT NULL,
    last_id      uuid        NOT NULL,
    broadcast_at timestamptz NOT NULL,
    PRIMARY KEY (topic_id, first_seq)
);

-- Readers of the log. One is due when cursor < its topic's last_seq and due_at has come: a question, not a state, so
-- a broadcast writes no row here.
CREATE TABLE subscriptions (
    id              uuid        PRIMARY KEY,
    topic_id        integer     NOT NULL,
    name            text        NOT NULL,
    url             text        NOT NULL,
    headers         json        NOT NULL DEFAULT '{}',
    batch_size      integer     NOT NULL DEFAULT 100 CHECK (batch_size BETWEEN 1 AND 1000),
    secrets         text[]      NOT NULL,          -- the newest first
    cursor          bigint      NOT NULL,          -- the last seq delivered
    epoch           integer     NOT NULL DEFAULT 1,
    batch_last_seq  bigint,                        -- the end of the batch under way or to be tried again
    due_at          timestamptz NOT NULL DEFAULT statement_timestamp(),  -- ahead while a batch is under way or waits
    fence           integer     NOT NULL DEFAULT 0,  -- rises with each planned batch; an outcome must carry it
    failures        integer     NOT NULL DEFAULT 0,  -- of the batch under way
    paused_at       timestamptz,
    disabled_at     timestamptz,
    disabled_reason text,
    created_at      timestamptz NOT NULL DEFAULT statement_timestamp(),
    updated_at      timestamptz NOT NULL DEFAULT statement_timestamp(),
    UNIQUE (topic_id, name),  -- names a subscription; counts a topic's
    CHECK (batch_last_seq > cursor),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
) WITH (fillfactor = 70);
-- The planner's question: which of a topic's subscriptions may be sent to, the longest due first.
CREATE INDEX subscriptions_due ON subscriptions (topic_id, due_at) WHERE paused_at IS NULL AND disabled_at IS NULL;

-- The requests that were sent, and their responses.
CREATE TABLE attempts (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id uuid        NOT NULL,
    webhook_id      text        NOT NULL,
    first_seq       bigint      NOT NULL,
    last_seq        bigint      NOT NULL,
    attempt         integer     NOT NULL,  -- 1 is a batch's first
    started_at      timestamptz NOT NULL,
    duration_ms     integer     NOT NULL,
    status          integer,               -- null: no answer came
    reason          text
);
-- A subscription's attempts, the newest first.
CREATE INDEX attempts_subscription ON attempts (subscription_id, id);

-- Bearer tokens. Only their SHA-256 is stored.
CREATE TABLE tokens (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL UNIQUE,
    hash       bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32),  -- each request not cached looks here
    scopes     text[]      NOT NULL,
    topics     text[]      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT statement_timestamp()
);

INSERT INTO ring DEFAULT VALUES;
INSERT INTO topics (name) VALUES ('default');
