-- How many requests a second each process takes from a token; null: any number.
ALTER TABLE tokens ADD COLUMN requests_per_second integer CHECK (requests_per_second BETWEEN 1 AND 10000);
