"""What it takes to look at what a topic did in the past."""

from collections.abc import Callable
from functools import partial

from bench import functions, servers
from bench.measure import Bench, Figures, alternate, seconds

MESSAGES, TOPICS = 1_000_000, 100
RATES = "GET /topics/{topic}/rates"
FILL = """
INSERT INTO broker.topics (name) SELECT 'topic-' || n FROM generate_series(1, %(topics)s) n;
INSERT INTO broker.topic_states (topic_id) SELECT id FROM broker.topics ON CONFLICT DO NOTHING;
INSERT INTO broker.messages (id, topic_id, content, sender, created_at)
SELECT broker.uuidv7(broker.ticks(m.at)), t.id, to_json(repeat('x', 198)), 'bench', m.at
  FROM (SELECT n, now() - n * interval '1 hour' / %(messages)s AS at FROM generate_series(%(messages)s, 1, -1) n) m
  JOIN broker.topics t ON t.name = 'topic-' || m.n %% %(topics)s + 1
 ORDER BY m.n DESC;
"""
COUNT = """
SELECT date_trunc('minute', m.created_at), count(*)
  FROM broker.messages m JOIN broker.topics t ON t.id = m.topic_id
 WHERE t.name = 'topic-7' AND m.id >= broker.first_uuid(now() - interval '1 hour') GROUP BY 1
"""


def rates(bench: Bench) -> Figures:
    """The manage handler, called directly, counts the rates of a topic in the last hour, in which 1,000,000 messages were published to 100 topics; against a statement that counts the topic's messages minute by minute."""
    with (
        servers.create_broker_database(bench.server, "broker_bench") as broker_db,
        functions.discard_metrics(),
        servers.connect(broker_db.owner_url) as owner,
    ):
        owner.execute((FILL % {"topics": TOPICS, "messages": MESSAGES}).encode())
        owner.execute("VACUUM (ANALYZE) broker.messages, broker.topics")
        count = owner.cursor().execute
        return alternate(
            _milliseconds(functions.caller("manage", RATES, "topic-7", "")),
            _milliseconds(partial(count, COUNT)),
            bench.rounds(50),
        )


def _milliseconds(act: Callable[[], object]) -> Callable[[], float]:
    return lambda: 1000 * seconds(act)
