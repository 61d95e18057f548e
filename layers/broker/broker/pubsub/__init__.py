"""Publish-subscribe: broadcasts move messages to the log, and subscriptions read it."""
