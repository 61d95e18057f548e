"""The client of pgbroker, a serverless message broker on PostgreSQL."""
