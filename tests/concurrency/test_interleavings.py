"""Each pair of verbs, step by step: one session calls the first verb in a transaction that stays open, another session
calls the second verb, and then the first session commits or rolls back. The table in interleavings.txt has the results.

tests/support/interleaving.py describes the start, and what each verb does. The second verb `waits` until the first
transaction ends, or `proceeds`: it returns before. The columns `left` are what both sessions see at the end:

    ab  /  e  /  p0R0s0  /  3  /  0  /  1
    |      |     |          |     |     idempotency keys
    |      |     |          |     attempts
    |      |     |          rows of deleted topics: in the queue, subscriptions, cursors
    |      |     each subscription with its cursor; `R` is on lease
    |      the log, in order
    the queue without dead letters; `A` is on lease
"""

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker import topics
from tests.support.interleaving import VERBS, call, call_and_commit, cases, interleave, queue_and_log, waits
from tests.support.runner import until

pytestmark = pytest.mark.slow

OTHERS = """
WITH topic AS (SELECT id FROM topics WHERE name = 'orders' AND deleted_at IS NULL), others AS (
    SELECT topic_id FROM queue UNION ALL SELECT topic_id FROM subscriptions UNION ALL SELECT topic_id FROM cursors
), subscribers AS (
    SELECT CASE WHEN s.id = ANY (under_way()) THEN upper(s.name) ELSE s.name END || c.cursor AS state, s.name
      FROM subscriptions s JOIN cursors c ON c.subscription_id = s.id WHERE s.topic_id IN (TABLE topic)
)
SELECT concat_ws('/', coalesce((SELECT string_agg(state, '' ORDER BY name) FROM subscribers), '-'),
                      (SELECT count(*) FROM others WHERE topic_id NOT IN (TABLE topic)),
                      (SELECT count(*) FROM attempts), (SELECT count(*) FROM idempotency_keys))
"""
TABLE = Path(__file__).with_name("interleavings.txt").read_text()
# As in the table, but `r` is paused too, and has the url of `s`.
AT_ONE_SUBSCRIPTION = """
first       | second      | it    | commit:   | left              | rollback: | left
------------+-------------+-------+-----------+-------------------+-----------+------------------
unsubscribe | unsubscribe | waits | removed 0 | ab/e/p0/3/0/1     | removed 2 | ab/e/p0/3/0/1
unsubscribe | change      | waits | unknown   | ab/e/p0/3/0/1     | changed   | ab/e/p0r0s0/3/0/1
unsubscribe | record      | waits | recorded  | ab/e/p0/3/0/1     | recorded  | ab/e/p0r1s0/3/1/1
unsubscribe | expire      | waits | expired 1 | ab/e/p1/3/0/1     | expired 2 | ab/e/p1R1s0/3/0/1
change      | unsubscribe | waits | removed 1 | ab/e/p0r0/3/0/1   | removed 2 | ab/e/p0/3/0/1
change      | change      | waits | changed   | ab/e/p0r0s0/3/0/1 | changed   | ab/e/p0r0s0/3/0/1
change      | record      | waits | recorded  | ab/e/p0r0s0/3/1/1 | recorded  | ab/e/p0r1s0/3/1/1
change      | expire      | waits | expired 2 | ab/e/p1r1s0/3/0/1 | expired 2 | ab/e/p1R1s0/3/0/1
record      | unsubscribe | waits | removed 2 | ab/e/p0/3/1/1     | removed 2 | ab/e/p0/3/0/1
record      | change      | waits | changed   | ab/e/p0r1s0/3/1/1 | changed   | ab/e/p0r0s0/3/0/1
record      | record      | waits | recorded  | ab/e/p0r1s0/3/1/1 | recorded  | ab/e/p0r1s0/3/1/1
record      | expire      | waits | expired 1 | ab/e/p1r1s0/3/1/1 | expired 2 | ab/e/p1R1s0/3/0/1
expire      | unsubscribe | waits | removed 2 | ab/e/p1/3/0/1     | removed 2 | ab/e/p0/3/0/1
expire      | change      | waits | changed   | ab/e/p1r1s0/3/0/1 | changed   | ab/e/p0r0s0/3/0/1
expire      | record      | waits | recorded  | ab/e/p1r1s0/3/1/1 | recorded  | ab/e/p0r1s0/3/1/1
expire      | expire      | waits | expired 0 | ab/e/p1R1s0/3/0/1 | expired 2 | ab/e/p1R1s0/3/0/1
"""


def pause(owner, name):
    owner.execute(
        "UPDATE cursors SET paused_at = now() WHERE subscription_id IN (SELECT id FROM subscriptions WHERE name = %s)",
        [name],
    )


def run(owner, sessions, first, second, end, **steps):
    it, result = interleave(owner, sessions, [VERBS[first]], [VERBS[second]], end, **steps)
    [left] = {queue_and_log(each, "orders") + "/" + call_and_commit(each, OTHERS) for each in sessions}
    return it, result, left


@pytest.mark.parametrize(("first", "second", "end", "expected"), cases(TABLE))
def test_two_verbs_end_as_the_table_says(owner, sessions, first, second, end, expected):
    assert run(owner, sessions, first, second, end) == expected


def test_the_table_has_each_pair_of_verbs():
    pairs = [case.values[:2] for case in cases(TABLE) if "commit" in case.values]
    assert pairs == list(itertools.product(VERBS, VERBS))


@pytest.mark.parametrize(("first", "second", "end", "expected"), cases(AT_ONE_SUBSCRIPTION))
def test_two_verbs_meet_at_one_subscription(owner, sessions, first, second, end, expected):
    owner.execute("UPDATE subscriptions SET url = left(url, -1) || 's' WHERE name = 'r'")
    pause(owner, "r")
    assert run(owner, sessions, first, second, end) == expected


@pytest.mark.parametrize(
    ("verb", "end", "cleared"),
    [
        (verb, end, 8 if (verb, end) == ("settle", "commit") else 9)
        for verb in ("consume", "settle", "redrive", "plan", "record", "expire")
        for end in ("commit", "rollback")
    ],
)
def test_clearing_a_deleted_topic_waits_for_what_the_deletion_does_not(owner, sessions, verb, end, cleared):
    """The deletion itself waits for the other verbs, such as publish and broadcast.

    Attempts leave with their partition.
    """
    result = run(
        owner, sessions, verb, "clear", end, before_second=lambda: topics.delete("orders", topics.Delete(force=True))
    )
    attempts = 1 if (verb, end) == ("record", "commit") else 0
    assert result == ("waits", f"cleared {cleared}", f"-/-/-/0/{attempts}/0")
    assert owner.execute("SELECT name FROM topics").fetchall() == [("default",)]


@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize(("first", "second", "it"), [("next", "broadcast", "waits"), ("broadcast", "next", "proceeds")])
def test_what_is_broadcast_is_due_though_next_due_puts_off_its_topic(owner, sessions, first, second, it, end):
    owner.execute("UPDATE cursors SET cursor = 1")
    owner.execute("DELETE FROM deliveries")
    owner.execute("UPDATE topic_states SET next_due_at = now() - interval '2 min'")
    assert interleave(owner, sessions, [VERBS[first]], [VERBS[second]], end)[0] == it
    planned = call_and_commit(sessions.second, VERBS["next"], VERBS["plan"])
    assert planned == ("never, none" if (first, end) == ("broadcast", "rollback") else "due, r gets ab, s gets ab")


LEASE_ANOTHER = """
INSERT INTO deliveries (ends_at, subscription_id, topic_id, failing, last_seq)
SELECT d.ends_at, s.id, d.topic_id, d.failing, d.last_seq FROM deliveries d, subscriptions s WHERE s.name = 's'
"""
OUTCOMES_OF_TWO = """
SELECT set_config('test.outcomes', json_agg(o || jsonb_build_object('subscription_id', s.id))::text, false)
  FROM jsonb_array_elements(current_setting('test.outcomes')::jsonb) o, subscriptions s WHERE s.name IN ('r', 's')
"""


@pytest.mark.parametrize("first", ["expire", "record"])
def test_expire_and_record_lock_subscriptions_in_one_order(owner, sessions, session, first):
    """`expire`, and `record` of `r` and `s`, wait for `s`, which an open `unsubscribe` has locked. When `s` is free,
    neither may have locked what the other one needs next, whichever comes first."""
    for name in ("s", "r"):  # so that the rows of s are before those of r; its id is not
        pause(owner, name)
        owner.execute("UPDATE subscriptions SET updated_at = now() WHERE name = %s", [name])
    owner.execute(LEASE_ANOTHER)
    call_and_commit(sessions.first, OUTCOMES_OF_TWO)
    unsubscribes = session(autocommit=False)
    call(unsubscribes, VERBS["unsubscribe"])
    verbs = {"record": sessions.first, "expire": sessions.second}
    with ThreadPoolExecutor() as pool:
        results = {}
        for verb in [first, *(verbs.keys() - {first})]:
            results[verb] = pool.submit(call_and_commit, verbs[verb], VERBS[verb])
            until(lambda verb=verb: waits(owner, verbs[verb]))
        unsubscribes.rollback()
        assert results["expire"].result() in {"expired 1", "expired 3"}
        assert results["record"].result() == "recorded"
