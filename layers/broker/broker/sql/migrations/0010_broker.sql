-- The broker's tables. The verbs in ../functions are their only writers, so there are no foreign keys between them: a key from
-- messages to topics alone costs a publisher up to a third of its rate.
--
-- Facts are timestamps: a topic is deleted when deleted_at is set. What is written often is apart from what is wide: a lease
-- rewrites a hundred bytes, and neither content nor url. What grows with traffic is a ring of partitions, and leaves as tables.
-- Names compare byte by byte (COLLATE "C"): no update of the operating system reorders them, and a prefix is a range.

-- What an owner sets of a topic. Its name is free once it is deleted, and what it leaves behind is cleared later.
CREATE TABLE topics (
    id            integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text        COLLATE "C" NOT NULL CHECK (name ~ '^[A-Za-z0-9._-]{1,128}$'),
    broadcast     text        NOT NULL DEFAULT 'manual' CHECK (broadcast IN ('manual', 'auto')),
    lease_seconds integer     NOT NULL DEFAULT 30 CHECK (lease_seconds BETWEEN 1 AND 86400),
    max_receives  integer     DEFAULT 10 CHECK (max_receives BETWEEN 1 AND 1000),  -- null: no limit
    dead_days     integer     DEFAULT 30 CHECK (dead_days BETWEEN 1 AND 365),  -- dead letters end then; null: never
    created_by    uuid,       -- the token; of the SQL door an id made of the login's name; null: nobody knows
    created_at    timestamptz NOT NULL DEFAULT statement_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT statement_timestamp(),
    deleted_at    timestamptz
);
-- A name is looked up by each request, and is unique among the topics that live.
CREATE UNIQUE INDEX topics_name ON topics (name) WHERE deleted_at IS NULL;
-- How many a token has created is asked before it creates another one.
CREATE INDEX topics_created_by ON topics (created_by) WHERE deleted_at IS NULL;
-- A sweep looks whether messages wait in the auto topics.
CREATE INDEX topics_auto ON topics (id) WHERE broadcast = 'auto' AND deleted_at IS NULL;
-- Maintenance clears the deleted ones.
CREATE INDEX topics_deleted ON topics (id) WHERE deleted_at IS NOT NULL;

-- What a topic's broadcasts write; its row is their lock. Publish and consume do not read it: while an old snapshot is open,
-- the versions of this row pile up.
CREATE TABLE topic_states (
    topic_id      integer     PRIMARY KEY,
    last_seq      bigint      NOT NULL DEFAULT 0,  -- given under this row's lock, so a cursor never skips a late commit
    subscriptions integer     NOT NULL DEFAULT 0,
    next_due_at   timestamptz,  -- Dispatch looks then: a resting subscription is behind, or an auto topic's message is ready
    moved_until   timestamptz NOT NULL DEFAULT '-infinity',  -- what was ready by then has left the queue, but for late commits
    looked_at     timestamptz NOT NULL DEFAULT '-infinity',  -- when a broadcast looked before moved_until too
    CHECK (subscriptions >= 0)
) WITH (fillfactor = 50);  -- a broadcast rewrites its row: there is room on its page
-- Dispatch finds the topics to look at. A broadcast that finds its topic due already changes no index.
CREATE INDEX topic_states_due ON topic_states (next_due_at) WHERE next_due_at IS NOT NULL;

-- Until ends_at Dispatch looks at a busy topic by itself, and publishers send no wake-up. They read the newest row from the end
-- of the index, whatever lies before it.
CREATE TABLE batch_windows (
    topic_id integer     NOT NULL,
    ends_at  timestamptz NOT NULL,
    PRIMARY KEY (topic_id, ends_at)
);

-- A row asks Dispatch to look at a topic, of which nobody notifies it: something was published through SQL, or another transaction
-- held the topic's state. A row is added, not changed, so that nobody waits.
CREATE TABLE look_requests (
    topic_id integer NOT NULL,
    id       bigint  GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (topic_id, id)  -- Dispatch finds the topics, from one to the next
);

-- One row: for how long messages are kept.
CREATE TABLE ring (
    one       boolean  PRIMARY KEY DEFAULT true CHECK (one),
    retention interval NOT NULL DEFAULT '30 days' CHECK (retention > interval '0' AND retention <= interval '365 days'),
    min_width interval NOT NULL DEFAULT '1 day' CHECK (min_width > interval '0')  -- of a partition
);
INSERT INTO ring DEFAULT VALUES;

-- The partitions of the ring, at most ten. Each has a table of messages, log, log_spans and attempts: these leave together.
-- The catalog has the bounds as text only, and of a table that is detached none at all.
CREATE TABLE partitions (
    name      text        COLLATE "C" PRIMARY KEY,  -- of the table of messages after messages_
    begins_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL CHECK (ends_at > begins_at),
    attached  boolean     NOT NULL DEFAULT true  -- false: publish does not use it, because its removal has begun
);

-- What was published, never rewritten, by UUIDv7, that is, by time. content is json, not jsonb: it keeps the publisher's bytes.
CREATE TABLE messages (
    id         uuid        NOT NULL PRIMARY KEY,
    topic_id   integer     NOT NULL,
    content    json        NOT NULL,
    sender     text        NOT NULL,
    key        text        COLLATE "C",
    attributes json,
    created_at timestamptz NOT NULL
) PARTITION BY RANGE (id);

-- What was broadcast: a topic's messages, numbered without gaps. It leaves with its messages, so it is divided as they are.
CREATE TABLE log (
    topic_id     integer     NOT NULL,
    bytes        integer     NOT NULL,
    seq          bigint      NOT NULL,
    message_id   uuid        NOT NULL PRIMARY KEY,  -- where a message is in the log
    broadcast_at timestamptz NOT NULL
) PARTITION BY RANGE (message_id);
-- Every reader reads a range of seq. The lock of topic_states keeps it unique.
CREATE INDEX log_seq ON log (topic_id, seq);

-- One row a broadcast that moved something: from first_seq on, the log was written at broadcast_at or later.
CREATE TABLE log_spans (
    topic_id     integer     NOT NULL,
    first_seq    bigint      NOT NULL,
    broadcast_at timestamptz NOT NULL,
    PRIMARY KEY (topic_id, broadcast_at, first_seq)  -- the seq of a time
) PARTITION BY RANGE (broadcast_at);

-- The requests that were sent, and their responses. A subscription has one request under way, so their times differ.
CREATE TABLE attempts (
    subscription_id uuid        NOT NULL,
    started_at      timestamptz NOT NULL,
    first_seq       bigint      NOT NULL,
    last_seq        bigint      NOT NULL,
    message_id      uuid        NOT NULL,  -- the first; with digest and epoch it makes the webhook_id
    digest          bigint,                -- of all message ids; null: it was a redelivery
    epoch           integer     NOT NULL,
    duration_ms     integer     NOT NULL,
    attempt         smallint    NOT NULL,  -- 1 is a batch's first
    status          smallint,              -- null: no answer came
    reason          text,
    answer          text,                  -- the first 1,024 bytes
    PRIMARY KEY (subscription_id, started_at)  -- a subscription's attempts, the newest first; and an outcome that comes twice
) PARTITION BY RANGE (started_at);

-- What outlived its partition, because it waits, is dead or is not delivered yet: moved aside so that the partition can go.
CREATE TABLE kept_messages (LIKE messages INCLUDING ALL);
CREATE TABLE kept_log (LIKE log INCLUDING ALL);

-- The content of any message, wherever it is. A migration that adds a column to these tables adds it to the view as well.
CREATE VIEW contents AS SELECT * FROM messages UNION ALL SELECT * FROM kept_messages;
-- The entries of the log, wherever they are.
CREATE VIEW entries AS SELECT * FROM log UNION ALL SELECT * FROM kept_log;

-- What waits. Narrow, so that a lease rewrites a hundred bytes and never the content.
CREATE TABLE queue (
    message_id      uuid        PRIMARY KEY,
    topic_id        integer     NOT NULL,
    receives        integer     NOT NULL DEFAULT 0,  -- only ever rises: it is the fence in a receipt
    ready_at        timestamptz NOT NULL,  -- ahead while leased or delayed
    leased_at       timestamptz,           -- null unless on lease
    first_leased_at timestamptz,
    died_at         timestamptz,
    expires_at      timestamptz,           -- for messages with a time to live; nothing sets it yet
    max_receives    integer,
    bytes           integer     NOT NULL,  -- of the message in an answer, as escaped inside Lambda's own JSON
    lane            integer,               -- of its key; null: it has none. Messages of one lane will keep their order
    reason          text,
    CHECK (died_at IS NULL OR reason IS NOT NULL)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
        vacuum_truncate = off);  -- vacuum must not lock the queue to give pages back that are filled again at once
-- The order of every claim. Leased and delayed rows lie ahead of now and are never walked; dead ones are not in it.
CREATE INDEX queue_ready ON queue (topic_id, ready_at, message_id) WHERE died_at IS NULL;
-- The dead letters of a topic in the order in which they died. Rows that live are not in it.
CREATE INDEX queue_dead ON queue (topic_id, died_at, message_id) WHERE died_at IS NOT NULL;

-- What an owner sets of a subscription, and what rarely changes.
CREATE TABLE subscriptions (
    id                uuid        PRIMARY KEY,
    topic_id          integer     NOT NULL,
    name              text        COLLATE "C" NOT NULL,
    url               text,       -- null: its owner will pull; nothing makes one yet
    headers           json        NOT NULL DEFAULT '{}',
    batch_size        integer     NOT NULL DEFAULT 100 CHECK (batch_size BETWEEN 1 AND 1000),
    secrets           text[],     -- the newest first
    old_secrets_until timestamptz,  -- until then webhooks are signed with the older ones too
    retry_schedule    integer[],  -- seconds between attempts; null: the broker's own
    ordered           boolean     NOT NULL DEFAULT false,  -- a refused message blocks those behind it
    rate_per_second   integer     CHECK (rate_per_second BETWEEN 1 AND 1000),  -- requests; null: no limit
    backlog_days      integer     NOT NULL DEFAULT 30 CHECK (backlog_days BETWEEN 1 AND 365),  -- while paused or disabled
    start_seq         bigint      NOT NULL,  -- the end of the log when it came
    lost_from_seq     bigint,     -- the latest range that it lost
    lost_to_seq       bigint,
    lost              int8multirange NOT NULL DEFAULT '{}',  -- all ranges
    created_at        timestamptz NOT NULL DEFAULT statement_timestamp(),
    updated_at        timestamptz NOT NULL DEFAULT statement_timestamp(),
    UNIQUE (topic_id, name),
    CHECK ((url IS NULL) = (secrets IS NULL)),
    CHECK ((lost_from_seq IS NULL) = (lost_to_seq IS NULL) AND lost_from_seq <= lost_to_seq)
);
-- A topic's subscriptions, page by page.
CREATE INDEX subscriptions_topic ON subscriptions (topic_id, id);
-- Those that unsubscribe is given by their url.
CREATE INDEX subscriptions_url ON subscriptions (topic_id, url);

-- Where each subscription is in its topic's log: one narrow row, written once a batch. It is behind when cursor < last_seq, a
-- question, not a state: a broadcast writes no row here.
CREATE TABLE cursors (
    subscription_id   uuid        PRIMARY KEY,
    topic_id          integer     NOT NULL,
    failures          integer     NOT NULL DEFAULT 0,  -- of the batch to be tried again
    cursor            bigint      NOT NULL,            -- the last seq delivered
    batch_last_seq    bigint,                          -- the end of the batch to be tried again
    due_at            timestamptz,  -- not before: the end of its wait or pause; null: it rests until the log goes on
    redelivery_due_at timestamptz,  -- of the first of its redeliveries; null: it has none
    paused_at         timestamptz,
    disabled_at       timestamptz,
    epoch             integer     NOT NULL DEFAULT 1,      -- will rise with a replay
    redelivered       boolean     NOT NULL DEFAULT false,  -- the last request was a redelivery: they take turns with batches
    failing           boolean     GENERATED ALWAYS AS (failures > 0) STORED,
    resting           boolean     GENERATED ALWAYS AS (due_at IS NULL AND paused_at IS NULL AND disabled_at IS NULL) STORED,
    disabled_reason   text,
    CHECK (batch_last_seq > cursor),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
) WITH (fillfactor = 70);
-- Which resting subscriptions are behind; and with those that do not rest, which is the farthest behind.
CREATE INDEX cursors_topic ON cursors (topic_id, resting, cursor);
-- The planner's question: whose time has come, the longest due first. Those that failed have a share of their own.
CREATE INDEX cursors_due ON cursors (failing, due_at)
    WHERE due_at IS NOT NULL AND paused_at IS NULL AND disabled_at IS NULL;
-- Whose redelivery may be sent. Most subscriptions have none.
CREATE INDEX cursors_redelivering ON cursors (greatest(due_at, redelivery_due_at))
    WHERE redelivery_due_at IS NOT NULL AND paused_at IS NULL AND disabled_at IS NULL;
-- Whose backlog may expire.
CREATE INDEX cursors_stopped ON cursors (topic_id) WHERE paused_at IS NOT NULL OR disabled_at IS NOT NULL;

-- The requests that are under way, one a subscription: a lease on it until ends_at, or until its outcome. At most about a thousand.
CREATE TABLE deliveries (
    ends_at         timestamptz NOT NULL,  -- in microseconds it is the fence: an outcome must carry it
    subscription_id uuid        NOT NULL,
    topic_id        integer     NOT NULL,
    failing         boolean     NOT NULL,  -- it failed the last time
    last_seq        bigint,                -- of the batch; null: it is a redelivery
    PRIMARY KEY (ends_at, subscription_id)  -- those that have not ended are counted
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

-- Messages that a subscription refused: they are sent again one by one, until their attempts are exhausted.
CREATE TABLE redeliveries (
    subscription_id uuid        NOT NULL,
    message_id      uuid        NOT NULL,
    epoch           integer     NOT NULL,
    topic_id        integer     NOT NULL,
    seq             bigint      NOT NULL,
    due_at          timestamptz NOT NULL,
    died_at         timestamptz,
    deleted_at      timestamptz,           -- a dead letter that was deleted, or ended: it was not delivered
    failures        integer     NOT NULL,
    reason          text        NOT NULL,  -- of the last failure
    PRIMARY KEY (subscription_id, message_id, epoch),
    CHECK (died_at IS NOT NULL OR deleted_at IS NULL)
);
-- A subscription's next one.
CREATE INDEX redeliveries_due ON redeliveries (subscription_id, due_at, message_id) WHERE died_at IS NULL;
-- Its dead letters in the order in which they died.
CREATE INDEX redeliveries_dead ON redeliveries (subscription_id, died_at, message_id)
    WHERE died_at IS NOT NULL AND deleted_at IS NULL;
-- Whether a partition of messages may go; and which subscriptions refused a message.
CREATE INDEX redeliveries_message ON redeliveries (message_id);

-- What was published under a key: until expires_at, the same request again gets the same answer.
CREATE TABLE idempotency_keys (
    topic_id    integer     NOT NULL,
    token_id    uuid        NOT NULL,  -- of the SQL door an id made of the login's name
    key         text        COLLATE "C" NOT NULL CHECK (key <> ''),
    fingerprint bytea       NOT NULL,  -- of the request's body
    ids         uuid[]      NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (topic_id, token_id, key)  -- a concurrent call with the same key waits here
);
-- The first that expire are cleared first.
CREATE INDEX idempotency_keys_expired ON idempotency_keys (expires_at);

-- Bearer tokens. Only their SHA-256 is stored.
CREATE TABLE tokens (
    id         uuid        PRIMARY KEY,
    name       text        COLLATE "C" NOT NULL UNIQUE,
    hash       bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32),  -- each request not cached looks here
    scopes     text[]      NOT NULL,
    topics     text[]      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT statement_timestamp()
);

-- All delayed wake-ups that are pending in SQS, by their times. One row, so that the processes that send them agree.
CREATE TABLE wake_up (
    one     boolean       PRIMARY KEY DEFAULT true CHECK (one),
    pending timestamptz[] NOT NULL DEFAULT '{}'
);
INSERT INTO wake_up DEFAULT VALUES;

-- One row: what Migrate sets from the settings, and verbs must keep to.
CREATE TABLE limits (
    one              boolean PRIMARY KEY DEFAULT true CHECK (one),
    topics_per_token integer NOT NULL DEFAULT 10000 CHECK (topics_per_token > 0)
);
INSERT INTO limits DEFAULT VALUES;

INSERT INTO topics (name) VALUES ('default');
INSERT INTO topic_states (topic_id) SELECT id FROM topics;
