"""SQL statements that call the verbs on the topic `orders`, for tests with two sessions."""

from typing import Any

import psycopg

PUBLISH = "SELECT broker.publish('orders', '\"b\"')"
CONSUME = "SELECT content FROM broker.consume('orders', %s)"
SETTLE = "SELECT acked, gone, stale FROM broker.settle('orders', %s::json)"
BROADCAST = "SELECT messages, first_seq, last_seq, subscriptions FROM broker.broadcast('orders')"
SUBSCRIBE = "SELECT id, created FROM broker.subscribe('orders', NULL, 'whsec_', jsonb_build_object('url', %s::text))"
DELETE = "SELECT broker.delete_topic('orders', false)"


def query(session: psycopg.Connection[Any], statement: str, *values: object) -> list[Any]:
    """Execute a statement and return its rows."""
    return session.execute(statement.encode(), values).fetchall()
