-- Vacuum must not lock the queue to give empty pages back: they are filled again at once.
ALTER TABLE queue SET (vacuum_truncate = off);
