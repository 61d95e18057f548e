-- The delayed wake-up that is pending in SQS. One row, so that the processes that send them agree.
CREATE TABLE wake_up (
    one     boolean     PRIMARY KEY DEFAULT true CHECK (one),
    wake_at timestamptz  -- null: none is
);
INSERT INTO wake_up DEFAULT VALUES;
