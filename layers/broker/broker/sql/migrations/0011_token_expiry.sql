-- When a token ends; null: never.
ALTER TABLE tokens ADD COLUMN expires_at timestamptz;
