"""A serverless message broker on PostgreSQL: the operations that its functions, and tests, call."""

__version__ = "0.1.0"
