-- When Dispatch looks at a busy topic again by itself: until then publishers send no wake-up.
ALTER TABLE topics ADD COLUMN watched_until timestamptz;
