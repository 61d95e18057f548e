-- One row: what Migrate sets from the settings, and verbs must keep to.
CREATE TABLE limits (
    one              boolean PRIMARY KEY DEFAULT true CHECK (one),
    topics_per_token integer NOT NULL DEFAULT 10000 CHECK (topics_per_token > 0)
);
INSERT INTO limits DEFAULT VALUES;
-- The token that created a topic; null: nobody knows. A login of the SQL door has an id made of its name instead.
ALTER TABLE topics ADD COLUMN created_by uuid;
-- How many a token has created is asked before it creates another one.
CREATE INDEX topics_created_by ON topics (created_by) WHERE deleted_at IS NULL;
