-- The delayed wake-up that is under way to dispatch. One row, so that those who send them meet there.
CREATE TABLE wake_up (
    one     boolean     PRIMARY KEY DEFAULT true CHECK (one),
    wake_at timestamptz  -- null: none is
);
INSERT INTO wake_up DEFAULT VALUES;
