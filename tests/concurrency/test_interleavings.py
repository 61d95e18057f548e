"""Each pair of verbs, step by step: one session calls the first in a transaction that stays open, another session calls
the second, and then the first session commits or rolls back. TABLE says what comes of it.

At the start `orders` has `a`, whose lease has run out (its receipt is what is settled), and `b`; `d` is a dead letter,
and not shown; `s` subscribes; and another topic, deleted, has left two rows. The second verb `waits` until the first
ends, or `goes by`: it has its answer before. What is left then, as both see it: queue (A is on lease) / log /
subscriptions / rows of deleted topics.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from broker import topics
from tests.support.runner import until

TABLE = """
first       | second      | it      | commit:    | left       | rollback:  | left
------------+-------------+---------+------------+------------+------------+----------
publish     | publish     | goes by | stored     | abcc/-/s/2 | stored     | abc/-/s/2
publish     | consume     | goes by | ab         | ABc/-/s/2  | ab         | AB/-/s/2
publish     | settle      | goes by | acked      | bc/-/s/2   | acked      | b/-/s/2
publish     | broadcast   | goes by | moved 2    | c/ab/s/2   | moved 2    | -/ab/s/2
publish     | subscribe   | goes by | made       | abc/-/st/2 | made       | ab/-/st/2
publish     | unsubscribe | goes by | removed 1  | abc/-/-/2  | removed 1  | ab/-/-/2
publish     | redrive     | goes by | redriven 1 | abcd/-/s/2 | redriven 1 | abd/-/s/2
publish     | delete      | waits   | deleted    | -/-/-/7    | deleted    | -/-/-/6
publish     | clear       | goes by | cleared 2  | abc/-/s/0  | cleared 2  | ab/-/s/0

consume     | publish     | goes by | stored     | ABc/-/s/2  | stored     | abc/-/s/2
consume     | consume     | goes by | none       | AB/-/s/2   | none       | ab/-/s/2
consume     | settle      | waits   | stale      | AB/-/s/2   | acked      | b/-/s/2
consume     | broadcast   | goes by | moved 0    | AB/-/s/2   | moved 0    | ab/-/s/2
consume     | subscribe   | goes by | made       | AB/-/st/2  | made       | ab/-/st/2
consume     | unsubscribe | goes by | removed 1  | AB/-/-/2   | removed 1  | ab/-/-/2
consume     | redrive     | goes by | redriven 1 | ABd/-/s/2  | redriven 1 | abd/-/s/2
consume     | delete      | goes by | deleted    | -/-/-/6    | deleted    | -/-/-/6
consume     | clear       | goes by | cleared 2  | AB/-/s/0   | cleared 2  | ab/-/s/0

settle      | publish     | goes by | stored     | bc/-/s/2   | stored     | abc/-/s/2
settle      | consume     | goes by | b          | B/-/s/2    | b          | aB/-/s/2
settle      | settle      | waits   | gone       | b/-/s/2    | acked      | b/-/s/2
settle      | broadcast   | goes by | moved 1    | -/b/s/2    | moved 1    | a/b/s/2
settle      | subscribe   | goes by | made       | b/-/st/2   | made       | ab/-/st/2
settle      | unsubscribe | goes by | removed 1  | b/-/-/2    | removed 1  | ab/-/-/2
settle      | redrive     | goes by | redriven 1 | bd/-/s/2   | redriven 1 | abd/-/s/2
settle      | delete      | goes by | deleted    | -/-/-/5    | deleted    | -/-/-/6
settle      | clear       | goes by | cleared 2  | b/-/s/0    | cleared 2  | ab/-/s/0

broadcast   | publish     | goes by | stored     | c/ab/s/2   | stored     | abc/-/s/2
broadcast   | consume     | goes by | none       | -/ab/s/2   | none       | ab/-/s/2
broadcast   | settle      | waits   | gone       | -/ab/s/2   | acked      | b/-/s/2
broadcast   | broadcast   | waits   | moved 0    | -/ab/s/2   | moved 2    | -/ab/s/2
broadcast   | subscribe   | waits   | made       | -/ab/st/2  | made       | ab/-/st/2
broadcast   | unsubscribe | waits   | removed 1  | -/ab/-/2   | removed 1  | ab/-/-/2
broadcast   | redrive     | goes by | redriven 1 | d/ab/s/2   | redriven 1 | abd/-/s/2
broadcast   | delete      | waits   | deleted    | -/-/-/6    | deleted    | -/-/-/6
broadcast   | clear       | goes by | cleared 2  | -/ab/s/0   | cleared 2  | ab/-/s/0

subscribe   | publish     | goes by | stored     | abc/-/st/2 | stored     | abc/-/s/2
subscribe   | consume     | goes by | ab         | AB/-/st/2  | ab         | AB/-/s/2
subscribe   | settle      | goes by | acked      | b/-/st/2   | acked      | b/-/s/2
subscribe   | broadcast   | waits   | moved 2    | -/ab/st/2  | moved 2    | -/ab/s/2
subscribe   | subscribe   | waits   | stands     | ab/-/st/2  | made       | ab/-/st/2
subscribe   | unsubscribe | waits   | removed 1  | ab/-/t/2   | removed 1  | ab/-/-/2
subscribe   | redrive     | goes by | redriven 1 | abd/-/st/2 | redriven 1 | abd/-/s/2
subscribe   | delete      | waits   | deleted    | -/-/-/7    | deleted    | -/-/-/6
subscribe   | clear       | goes by | cleared 2  | ab/-/st/0  | cleared 2  | ab/-/s/0

unsubscribe | publish     | goes by | stored     | abc/-/-/2  | stored     | abc/-/s/2
unsubscribe | consume     | goes by | ab         | AB/-/-/2   | ab         | AB/-/s/2
unsubscribe | settle      | goes by | acked      | b/-/-/2    | acked      | b/-/s/2
unsubscribe | broadcast   | waits   | moved 0    | ab/-/-/2   | moved 2    | -/ab/s/2
unsubscribe | subscribe   | waits   | made       | ab/-/t/2   | made       | ab/-/st/2
unsubscribe | unsubscribe | waits   | removed 0  | ab/-/-/2   | removed 1  | ab/-/-/2
unsubscribe | redrive     | goes by | redriven 1 | abd/-/-/2  | redriven 1 | abd/-/s/2
unsubscribe | delete      | waits   | deleted    | -/-/-/5    | deleted    | -/-/-/6
unsubscribe | clear       | goes by | cleared 2  | ab/-/-/0   | cleared 2  | ab/-/s/0

redrive     | publish     | goes by | stored     | abcd/-/s/2 | stored     | abc/-/s/2
redrive     | consume     | goes by | ab         | ABd/-/s/2  | ab         | AB/-/s/2
redrive     | settle      | goes by | acked      | bd/-/s/2   | acked      | b/-/s/2
redrive     | broadcast   | goes by | moved 2    | d/ab/s/2   | moved 2    | -/ab/s/2
redrive     | subscribe   | goes by | made       | abd/-/st/2 | made       | ab/-/st/2
redrive     | unsubscribe | goes by | removed 1  | abd/-/-/2  | removed 1  | ab/-/-/2
redrive     | redrive     | waits   | redriven 0 | abd/-/s/2  | redriven 1 | abd/-/s/2
redrive     | delete      | goes by | deleted    | -/-/-/6    | deleted    | -/-/-/6
redrive     | clear       | goes by | cleared 2  | abd/-/s/0  | cleared 2  | ab/-/s/0

delete      | publish     | waits   | stored     | c/-/-/6    | stored     | abc/-/s/2
delete      | consume     | goes by | ab         | -/-/-/6    | ab         | AB/-/s/2
delete      | settle      | goes by | acked      | -/-/-/5    | acked      | b/-/s/2
delete      | broadcast   | waits   | BR404      | -/-/-/6    | moved 2    | -/ab/s/2
delete      | subscribe   | waits   | made       | -/-/t/6    | made       | ab/-/st/2
delete      | unsubscribe | waits   | removed 1  | -/-/-/5    | removed 1  | ab/-/-/2
delete      | redrive     | goes by | redriven 1 | -/-/-/6    | redriven 1 | abd/-/s/2
delete      | delete      | waits   | deleted    | -/-/-/6    | deleted    | -/-/-/6
delete      | clear       | goes by | cleared 2  | -/-/-/4    | cleared 2  | ab/-/s/0

clear       | publish     | goes by | stored     | abc/-/s/0  | stored     | abc/-/s/2
clear       | consume     | goes by | ab         | AB/-/s/0   | ab         | AB/-/s/2
clear       | settle      | goes by | acked      | b/-/s/0    | acked      | b/-/s/2
clear       | broadcast   | goes by | moved 2    | -/ab/s/0   | moved 2    | -/ab/s/2
clear       | subscribe   | goes by | made       | ab/-/st/0  | made       | ab/-/st/2
clear       | unsubscribe | goes by | removed 1  | ab/-/-/0   | removed 1  | ab/-/-/2
clear       | redrive     | goes by | redriven 1 | abd/-/s/0  | redriven 1 | abd/-/s/2
clear       | delete      | goes by | deleted    | -/-/-/4    | deleted    | -/-/-/6
clear       | clear       | waits   | cleared 0  | ab/-/s/0   | cleared 2  | ab/-/s/0
"""

VERBS = {
    "publish": """SELECT 'stored' FROM broker.publish('orders', '"c"')""",
    "consume": "SELECT coalesce(string_agg(content #>> '{}', ''), 'none') FROM broker.consume('orders')",
    "settle": "SELECT CASE WHEN acked = 1 THEN 'acked' WHEN gone <> '{}' THEN 'gone' WHEN stale <> '{}' THEN 'stale'"
    " END FROM broker.settle('orders', current_setting('test.receipts')::json)",
    "broadcast": "SELECT 'moved ' || messages FROM broker.broadcast('orders')",
    "subscribe": "SELECT CASE WHEN created THEN 'made' ELSE 'stands' END"
    " FROM broker.subscribe('orders', 't', 'whsec_', '{\"url\": \"http://127.0.0.1/\"}')",
    "unsubscribe": "SELECT 'removed ' || broker.unsubscribe('orders', NULL, 'http://127.0.0.1:8000/')",
    "redrive": "SELECT 'redriven ' || changed FROM broker.redrive('orders', '{}', 0, false)",
    "delete": "SELECT 'deleted' FROM broker.delete_topic('orders', true)",
    "clear": "SELECT 'cleared ' || sum(broker.clear_deleted_topics(100)) FROM generate_series(1, 9)",
}
LEFT = """
WITH here AS (SELECT id FROM topics WHERE name = 'orders' AND deleted_at IS NULL), letters AS (
    SELECT id, content #>> '{}' AS letter FROM messages
), waiting AS (
    SELECT CASE WHEN q.ready_at > statement_timestamp() THEN upper(l.letter) ELSE l.letter END AS letter
      FROM queue q JOIN letters l ON l.id = q.message_id WHERE q.topic_id IN (TABLE here) AND q.died_at IS NULL
), told AS (
    SELECT e.seq, l.letter FROM log e JOIN letters l ON l.id = e.message_id WHERE e.topic_id IN (TABLE here)
), readers AS (
    SELECT name FROM subscriptions WHERE topic_id IN (TABLE here)
), others AS (
    SELECT FROM (SELECT topic_id FROM queue UNION ALL SELECT topic_id FROM log
                 UNION ALL SELECT topic_id FROM subscriptions) r
     WHERE topic_id NOT IN (TABLE here)
)
SELECT concat_ws('/', coalesce((SELECT string_agg(letter, '' ORDER BY lower(letter)) FROM waiting), '-'),
                      coalesce((SELECT string_agg(letter, '' ORDER BY seq) FROM told), '-'),
                      coalesce((SELECT string_agg(name, '' ORDER BY name) FROM readers), '-'),
                      (SELECT count(*) FROM others))
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.splitlines()[3:] if line]


@pytest.fixture
def sessions(orders, invoices, owner, database_url):
    """Two sessions of the owner, who may clear, at the start of the table."""
    invoices.publish("left")
    invoices.subscribe("http://127.0.0.1:8000/")
    topics.delete("invoices", force=True)
    orders.publish("d")
    orders.settle(reject=[orders.consume(1)[0].receipt])
    orders.publish("a", "b")
    [leased] = orders.consume(1)
    owner.execute("UPDATE queue SET ready_at = now() - interval '1 min' WHERE leased_at IS NOT NULL")
    orders.subscribe("http://127.0.0.1:8000/", name="s")
    options = f'-c search_path=broker -c test.receipts={{"ack":["{leased.receipt}"]}}'
    with (
        psycopg.connect(database_url, options=options) as first,
        psycopg.connect(database_url, options=options, autocommit=True) as second,
    ):
        yield first, second


def call(session, verb):
    """A verb's answer in a word, or the code by which it refuses."""
    try:
        return session.execute(VERBS[verb].encode()).fetchone()[0]
    except psycopg.DatabaseError as refused:
        return refused.sqlstate


def interleave(owner, sessions, first_verb, second_verb, end, between=None):
    """Whether the second waits, its answer, and what both see after the end of the first."""
    first, second = sessions
    call(first, first_verb)
    if between:
        between()

    def waits():
        return owner.execute("SELECT pg_blocking_pids(%s) <> '{}'", [second.info.backend_pid]).fetchone()[0]

    with ThreadPoolExecutor() as pool:
        answer = pool.submit(call, second, second_verb)
        until(lambda: answer.done() or waits())
        waited = not answer.done()
        getattr(first, end)()
    left = {session.execute(LEFT).fetchone()[0] for session in sessions}
    return "waits" if waited else "goes by", answer.result(), left


CASES = [
    pytest.param(first, second, end, (meanwhile, answer, {left}), id=f"{first}-{second}-{end}")
    for first, second, meanwhile, *ends in ROWS
    for end, (answer, left) in {"commit": ends[:2], "rollback": ends[2:]}.items()
]


@pytest.mark.parametrize(("first", "second", "end", "comes"), CASES)
def test_two_verbs_meet(owner, sessions, first, second, end, comes):
    assert interleave(owner, sessions, first, second, end) == comes


def test_the_table_has_each_pair_of_verbs():
    assert [tuple(row[:2]) for row in ROWS] == list(itertools.product(VERBS, VERBS))


@pytest.mark.parametrize(
    ("verb", "end", "cleared"),
    [("consume", "commit", 6), ("consume", "rollback", 6), ("settle", "commit", 5), ("settle", "rollback", 6)],
)
def test_a_deleted_topic_is_cleared_of_what_is_still_in_other_hands(owner, sessions, verb, end, cleared):
    """Who publishes, broadcasts or subscribes is waited for by the deletion already; who consumes or settles is not."""
    found = interleave(owner, sessions, verb, "clear", end, between=lambda: topics.delete("orders", force=True))
    assert found == ("waits", f"cleared {cleared}", {"-/-/-/0"})
    assert owner.execute("SELECT name FROM topics").fetchall() == [("default",)]
