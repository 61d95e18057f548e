"""Which verbs each function of the broker calls, and which verbs each role of the SQL door may execute.

Migrate grants exactly these. Helpers (the folder `internal`) and what Maintain calls (`maintenance`) are the owner's.
"""

from collections.abc import Mapping, Sequence

# By the function's folder in functions/. Deliver has no database; Migrate and Maintain use it as its owner.
FUNCTIONS: Mapping[str, Sequence[str]] = {
    "publish": ("authorize_token", "publish_unchecked"),
    "consume": ("authorize_token", "consume", "settle_unchecked"),
    "subscribe": (
        "authorize_token",
        "change_subscription",
        "list_subscriptions",
        "rotate_secret",
        "subscribe",
        "test_subscription",
        "unsubscribe",
    ),
    "broadcast": ("authorize_token", "broadcast", "preview_broadcast"),
    "dispatch": (
        "auto_topics",
        "broadcast",
        "last_lease_end",
        "next_due",
        "plan_batches",
        "plan_tests",
        "schedule_wake_up",
    ),
    "manage": (
        "authorize_token",
        "browse_messages",
        "cancel_message",
        "change_topic",
        "delete_dead_letters",
        "delete_topic",
        "find_id",
        "list_attempts",
        "list_dead_letters",
        "list_history",
        "list_rates",
        "list_tokens",
        "list_topics",
        "mint_token",
        "overview",
        "put_topic",
        "read_topic",
        "redrive",
        "resend",
        "revoke_token",
        "trace_message",
    ),
}

# By the role's kind: `producer` is the role broker_producer_<database>.
DOOR: Mapping[str, Sequence[str]] = {
    "producer": ("publish", "publish_batch", "broadcast"),
    "consumer": ("consume", "settle"),
    "reader": ("list_topics", "read_topic", "browse_messages", "trace_message", "list_dead_letters"),
}
