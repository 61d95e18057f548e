-- All ranges of seqs that a subscription lost; lost_from_seq and lost_to_seq are the latest.
ALTER TABLE subscriptions ADD COLUMN lost int8multirange NOT NULL DEFAULT '{}';
UPDATE subscriptions SET lost = int8multirange(int8range(lost_from_seq, lost_to_seq, '[]')) WHERE lost_from_seq IS NOT NULL;
