-- Until when dispatch has promised to look at a topic once more by itself: who publishes before then need not wake it.
ALTER TABLE topics ADD COLUMN watched_until timestamptz;
