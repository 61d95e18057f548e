"""Verbs run under READ COMMITTED only: an older snapshot would report a message as stored that is lost."""

import psycopg
import pytest

from broker import database, topics
from tests.support.interleaving import VERBS, call
from tests.support.snapshots import everything

LEVELS = ["REPEATABLE READ", pytest.param("SERIALIZABLE", marks=pytest.mark.slow)]
MAINTENANCE = {"clear", "expire", "keep", "maintain"}  # for the owner: an older snapshot clears less, or ends in 40001
WRITES = [
    *(verb for name, verb in VERBS.items() if name not in MAINTENANCE),
    "SELECT broker.publish_batch('orders', '[{\"content\": 1}]')",
    "SELECT broker.cancel_message('orders', gen_random_uuid())",
    "SELECT broker.delete_dead_letters('orders', '{}', false)",
    "SELECT broker.resend('orders', gen_random_uuid(), gen_random_uuid())",
    "SELECT broker.put_topic('orders', 'auto', 30, 10)",
    "SELECT broker.change_topic('orders', '{\"broadcast\": \"auto\"}')",
    "SELECT broker.change_subscription('orders', gen_random_uuid(), '{\"paused\": true}')",
    "SELECT broker.rotate_secret('orders', gen_random_uuid(), 'whsec_', 0)",
    "SELECT broker.schedule_wake_up(now(), '{}', false)",
]
READS = [
    "read_topic('orders')",
    "browse_messages('orders', '{}', NULL, 10)",
    "messages m, trace_message('orders', m.id)",
    "list_history('orders', '{}', NULL, 10)",
    "(SELECT since, until, steps FROM list_rates('orders', NULL, now(), NULL, NULL))",
    "messages m, find_id(m.id)",
    "preview_broadcast('orders')",
    "list_topics('{*}', NULL, 10)",
    "list_subscriptions('orders', NULL, NULL, 10)",
    "(SELECT id FROM subscriptions WHERE name = 's') s, list_attempts('orders', s.id, NULL, 10)",
    "list_dead_letters('orders', '{}', NULL, 10)",
    "list_tokens(NULL, NULL, 10)",
    "auto_topics(NULL)",
    "last_lease_end()",
    "due_partitions()",
]


def read(program):
    """What each verb that only reads returns."""
    return [program.execute(f"SELECT r::text FROM {verb} r ORDER BY 1".encode()).fetchall() for verb in READS]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("first", VERBS)
def test_a_program_with_an_older_snapshot_can_read_and_not_write(sessions, owner, first, level):
    """A snapshot from before another session called a verb, which is open at first, and then committed."""
    program = sessions.second
    owner.execute("UPDATE cursors SET due_at = now()")  # of a subscription that rests, due_at is the time of the call
    program.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
    before = read(program)
    call(sessions.first, VERBS[first])
    for _ in ("open", "committed"):
        stored = everything(owner)
        for verb in WRITES:
            refusal = pytest.raises(psycopg.DatabaseError, match=f"the transaction is {level}")
            with refusal as refused, program.transaction():
                program.execute(verb)
            assert refused.value.sqlstate == "MB412"
        assert everything(owner) == stored
        assert read(program) == before
        sessions.first.commit()


def test_a_message_is_not_lost_in_a_topic_that_was_deleted_after_the_snapshot(orders, session):
    topics.put("orders", topics.Put())
    program = session(autocommit=False)
    program.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    program.execute("SELECT 1")  # takes the snapshot
    topics.delete("orders", topics.Delete())
    with pytest.raises(psycopg.DatabaseError):
        program.execute("SELECT broker.publish('orders', '1')")


def test_the_functions_use_read_committed_whatever_the_default_of_the_database_is(orders, owner):
    name = owner.info.dbname
    owner.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    try:
        database.functions.close()
        orders.publish("a")
        [leased] = orders.consume()
        assert orders.settle(ack=[leased.receipt]).acked == 1
    finally:
        owner.execute(f"ALTER DATABASE {name} RESET default_transaction_isolation")
        database.functions.close()
