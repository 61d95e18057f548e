"""Webhooks: one POST, and what its response means. Nothing here reaches the database."""
