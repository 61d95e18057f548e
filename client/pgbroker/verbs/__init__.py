"""One definition of each verb, without I/O: it makes the request, which knows how to read its answer."""

from pgbroker.verbs.about import contract, health, root
from pgbroker.verbs.dead_letters import ListDeadLetters, delete_dead_letters, list_dead_letters, redrive
from pgbroker.verbs.documented import documented
from pgbroker.verbs.leases import Consume, Lease, ack, consume, receipt, settle, settle_body
from pgbroker.verbs.messages import (
    Browse,
    browse_messages,
    cancel_message,
    find,
    noting,
    parts,
    publish,
    publish_encoded,
    publish_many,
    trace_message,
)
from pgbroker.verbs.subscriptions import (
    change_subscription,
    list_attempts,
    list_subscriptions,
    read_subscription,
    rotate_secret,
    subscribe,
    unsubscribe,
    unsubscribe_url,
)
from pgbroker.verbs.tokens import list_tokens, mint_token, read_own_token, read_token, revoke_token
from pgbroker.verbs.topics import broadcast, change_topic, delete_topic, list_topics, put_topic, read_topic

__all__ = [
    "Browse",
    "Consume",
    "Lease",
    "ListDeadLetters",
    "ack",
    "broadcast",
    "browse_messages",
    "cancel_message",
    "change_subscription",
    "change_topic",
    "consume",
    "contract",
    "delete_dead_letters",
    "delete_topic",
    "documented",
    "find",
    "health",
    "list_attempts",
    "list_dead_letters",
    "list_subscriptions",
    "list_tokens",
    "list_topics",
    "mint_token",
    "noting",
    "parts",
    "publish",
    "publish_encoded",
    "publish_many",
    "put_topic",
    "read_own_token",
    "read_subscription",
    "read_token",
    "read_topic",
    "receipt",
    "redrive",
    "revoke_token",
    "root",
    "rotate_secret",
    "settle",
    "settle_body",
    "subscribe",
    "trace_message",
    "unsubscribe",
    "unsubscribe_url",
]
