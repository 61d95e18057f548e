-- All delayed wake-ups that are pending in SQS, by their times. With one time alone, a wake-up in hours was sent again after
-- each earlier one, because nobody knew any more that it was pending.
ALTER TABLE wake_up ALTER COLUMN wake_at TYPE timestamptz[] USING array_remove(ARRAY[wake_at], NULL);
ALTER TABLE wake_up ALTER COLUMN wake_at SET DEFAULT '{}', ALTER COLUMN wake_at SET NOT NULL;
ALTER TABLE wake_up RENAME COLUMN wake_at TO pending;
