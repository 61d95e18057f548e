-- Columns and a reason in plain words. A renamed column rewrites no row.

-- For how many days a paused or disabled subscription keeps what is not delivered.
ALTER TABLE subscriptions RENAME COLUMN owed_days TO backlog_days;
-- Until then Dispatch looks at a busy topic by itself, and a publisher sends no wake-up.
ALTER TABLE topics RENAME COLUMN watched_until TO batch_window_until;
-- Earliest time at which any subscription of the topic can be due; null when none is. Any statement that makes work due
-- lowers it under the topic's lock; next_due() raises it.
ALTER TABLE topics RENAME COLUMN due_from TO next_due_at;
ALTER INDEX topics_due RENAME TO topics_next_due;
-- Dead letters are listed and redriven by their reason: those that are stored get the word that consume now writes.
UPDATE queue SET reason = 'receives exhausted' WHERE died_at IS NOT NULL AND reason = 'out of receives';
