"""Transactions of two verbs, as programs make them, beside another one: what each returns, and what is stored once.

The start is that of tests/support/interleaving.py. A topic `copies` has the message `m` and a subscription too.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.interleaving import VERBS, call, call_and_commit, cases, interleave, queue_and_log, waits
from tests.support.runner import until
from tests.support.topic import Topic

# The copy is stored if the message leaves its queue, and only then.
FORWARD = """
SELECT CASE WHEN acked = 0 THEN 'gone' WHEN broker.publish('copies', '"a"') IS NOT NULL THEN 'forwarded' END
  FROM broker.settle('orders', current_setting('test.receipts')::json)
"""
TAKE = """
SELECT CASE WHEN broker.publish('copies', content) IS NOT NULL THEN 'took ' || (content #>> '{}') END
  FROM broker.consume('orders', 1, p_auto_ack => true)
"""
KEYED = "SELECT CASE WHEN replayed THEN 'replayed' ELSE 'stored' END FROM broker.publish_batch"
PROGRAMS = {
    "forward": [FORWARD],
    "take": [TAKE],
    "announce": [VERBS["publish"], VERBS["broadcast"]],
    "move": [VERBS["broadcast"], "SELECT 'moved ' || messages FROM broker.broadcast('copies')"],
    "fan out": [VERBS["publish"], "SELECT 'stored' FROM broker.publish('copies', '\"c\"')"],
    "once": [KEYED + """('orders', '[{"content": "c"}]', p_idempotency_key => 'once')"""],
    "delete": [VERBS["delete"]],
}
TABLE = """
first    | second   | it       | commit:          | orders  | copies | rollback:        | orders | copies
---------+----------+----------+------------------+---------+--------+------------------+--------+-------
forward  | forward  | waits    | gone             | b/e     | am/-   | forwarded        | b/e    | am/-
forward  | take     | proceeds | took b           | -/e     | abm/-  | took b           | a/e    | bm/-
take     | forward  | waits    | gone             | b/e     | am/-   | forwarded        | b/e    | am/-
take     | take     | proceeds | took b           | -/e     | abm/-  | took b           | a/e    | bm/-
announce | announce | waits    | stored, moved 1  | -/eabcc | m/-    | stored, moved 3  | -/eabc | m/-
announce | forward  | waits    | gone             | -/eabc  | m/-    | forwarded        | b/e    | am/-
announce | move     | waits    | moved 0, moved 1 | -/eabc  | -/m    | moved 2, moved 1 | -/eab  | -/m
announce | delete   | proceeds | MB423            | -/eabc  | m/-    | MB423            | ab/e   | m/-
move     | move     | waits    | moved 0, moved 0 | -/eab   | -/m    | moved 2, moved 1 | -/eab  | -/m
move     | take     | proceeds | none             | -/eab   | -/m    | none             | ab/e   | m/-
once     | once     | waits    | replayed         | abc/e   | m/-    | stored           | abc/e  | m/-
fan out  | delete   | proceeds | MB423            | abc/e   | cm/-   | MB423            | ab/e   | m/-
delete   | fan out  | waits    | stored, stored   | c/-     | cm/-   | stored, stored   | abc/e  | cm/-
delete   | announce | waits    | stored, moved 0  | c/-     | m/-    | stored, moved 3  | -/eabc | m/-
"""
# Each session calls both verbs, but in opposite orders.
CROSSED = {
    "broadcasts": [VERBS["broadcast"], "SELECT 'moved ' || messages FROM broker.broadcast('copies')"],
    "new topics": [f"SELECT 'stored' FROM broker.publish('{topic}', '\"c\"')" for topic in ("new", "newer")],
    "keys": [KEYED + f"""('orders', '[{{"content": "{key}"}}]', p_idempotency_key => '{key}')""" for key in ("j", "k")],
}
STORED = {
    ("broadcasts", "commit"): {"orders": "-/eab", "copies": "-/m"},
    ("broadcasts", "rollback"): {"orders": "-/eab", "copies": "-/m"},
    ("new topics", "commit"): {"new": "cc/-", "newer": "cc/-"},
    ("new topics", "rollback"): {"new": "c/-", "newer": "c/-"},
    ("keys", "commit"): {"orders": "abjk/e"},
    ("keys", "rollback"): {"orders": "abjk/e"},
}
LOOK_SOON = "SELECT set_config('deadlock_timeout', '20ms', true)"


@pytest.fixture(autouse=True)
def copies(owner, sessions):
    copies = Topic("copies", owner)
    copies.subscribe("http://127.0.0.1:8000/copies")
    copies.publish("m")
    return copies


@pytest.mark.parametrize(("first", "second", "end", "expected"), cases(TABLE))
def test_two_transactions_end_as_the_table_says(owner, sessions, first, second, end, expected):
    it, result = interleave(owner, sessions, PROGRAMS[first], PROGRAMS[second], end)
    left = [queue_and_log(sessions.first, topic) for topic in ("orders", "copies")]
    assert (it, result, *left) == expected


@pytest.mark.parametrize(("crossed", "end"), STORED)
def test_of_two_that_wait_for_each_other_one_fails_and_can_be_repeated(sessions, crossed, end):
    steps = CROSSED[crossed], CROSSED[crossed][::-1]
    for session, (step, _) in zip(sessions, steps, strict=True):
        call(session, LOOK_SOON, step)
    with ThreadPoolExecutor() as pool:
        results = [*pool.map(call, sessions, [step for _, step in steps])]
    assert results.count("40P01") == 1
    repeats = results.index("40P01")
    getattr(sessions[1 - repeats], end)()
    sessions[repeats].rollback()

    call_and_commit(sessions[repeats], *steps[repeats])

    stored = STORED[crossed, end]
    assert {topic: queue_and_log(sessions.first, topic) for topic in stored} == stored


@pytest.mark.parametrize(("end", "left"), [("commit", "c/eab"), ("rollback", "ab/e")])
def test_a_deletion_that_waits_for_a_broadcast_gives_up_before_its_publisher_waits_long(owner, sessions, end, left):
    call(sessions.first, VERBS["broadcast"])
    with ThreadPoolExecutor() as pool:
        deleting = pool.submit(call_and_commit, sessions.second, VERBS["delete"])
        until(lambda: deleting.done() or waits(owner, sessions.second))
        assert call(sessions.first, VERBS["publish"]) == "stored"  # it waits for the deletion, which waits for it
    assert deleting.result() == "MB423"
    getattr(sessions.first, end)()
    assert queue_and_log(sessions.second, "orders") == left
