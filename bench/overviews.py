"""The live picture of a broker: how long the broker looks at 100,000 topics for it."""

import statistics
from functools import partial
from typing import Any

import psycopg

from bench import functions, servers
from bench.measure import Bench, Figures, seconds

TOPICS = 100_000


def overview(bench: Bench) -> Figures:
    """The manage handler, called directly, reads the overview of 100,000 topics with 200,000 subscriptions, 300,000 waiting messages and 800,000 attempts, after 5,000 messages and 2,000 attempts that failed in the last seconds: median time."""
    with (
        servers.create_broker_database(bench.server, "broker_bench") as broker_db,
        functions.discard_metrics(),
        servers.connect(broker_db.owner_url) as owner,
    ):
        fill(owner, TOPICS)
        request = functions.event("GET /overview", "", "") | {"pathParameters": {}}
        read = partial(functions.invoke, functions.load("manage"), request)
        first = seconds(read)
        add_traffic(owner, TOPICS)
        figures = [1000 * seconds(read) for _ in range(bench.rounds(100))]
    return Figures(statistics.median(figures), remark=f"The first call of a session: {1000 * first:.0f} ms.")


# So many topics. Each has two subscriptions, three messages that wait and eight attempts; some have dead letters, leases, a
# subscription that is paused, disabled or to be tried again; and one has 20,000 messages and 1,000 subscriptions.
FILL = """
SET search_path = broker;
INSERT INTO topics (name, broadcast)
SELECT 'topic' || lpad(n::text, 6, '0'), CASE WHEN n %% 2 = 0 THEN 'auto' ELSE 'manual' END
  FROM generate_series(1, %(topics)s) n;
CREATE TEMPORARY TABLE made AS
SELECT t.id, substr(t.name, 6)::integer AS n FROM topics t WHERE t.name LIKE 'topic%%';
INSERT INTO topic_states (topic_id, last_seq, subscriptions)
SELECT m.id, 100, CASE m.n WHEN 1 THEN 1000 ELSE 2 END FROM made m;
INSERT INTO subscriptions (id, topic_id, name, url, secrets, start_seq)
SELECT uuidv7(ticks(now()) + row_number() OVER ()), m.id, 'reader ' || k, 'https://hooks.example/' || k, '{whsec_}', 0
  FROM made m, generate_series(1, CASE m.n WHEN 1 THEN 1000 ELSE 2 END) k;
INSERT INTO cursors (subscription_id, topic_id, cursor, failures, batch_last_seq, due_at, paused_at, disabled_at, disabled_reason)
SELECT s.id, s.topic_id, CASE WHEN s.n %% 20 < 3 THEN 90 ELSE 100 END, CASE s.n %% 20 WHEN 0 THEN 3 ELSE 0 END,
       CASE s.n %% 20 WHEN 0 THEN 95 END, CASE s.n %% 20 WHEN 0 THEN now() + s.n * interval '1 s' END,
       CASE s.n %% 20 WHEN 1 THEN now() END, CASE s.n %% 200 WHEN 2 THEN now() END, CASE s.n %% 200 WHEN 2 THEN 'status 410' END
  FROM (SELECT id, topic_id, row_number() OVER (ORDER BY id) AS n FROM subscriptions) s;
CREATE TEMPORARY TABLE waiting AS
SELECT uuidv7(ticks(now() - interval '1 minute') + row_number() OVER (ORDER BY k.k)) AS id, m.id AS topic_id, k.k
  FROM made m, generate_series(1, CASE m.n WHEN 2 THEN 20000 ELSE 3 END) k (k);
INSERT INTO messages (id, topic_id, content, sender, created_at)
SELECT w.id, w.topic_id, '{"a": "message"}', 'bench', now() FROM waiting w ORDER BY w.id;
INSERT INTO queue (message_id, topic_id, ready_at, leased_at, died_at, reason, max_receives, bytes)
SELECT w.id, w.topic_id, now() + CASE w.k %% 3 WHEN 0 THEN interval '1 hour' ELSE w.k * interval '-1 ms' END,
       CASE w.k %% 6 WHEN 0 THEN now() END, CASE WHEN w.topic_id %% 20 = 0 AND w.k %% 2 = 0 THEN now() END, 'broken', 10, 500
  FROM waiting w ORDER BY w.id;
INSERT INTO attempts (subscription_id, started_at, first_seq, last_seq, message_id, digest, epoch, duration_ms, attempt, status)
SELECT s.id, now() - s.n * interval '1 ms' - k * interval '1 s' - interval '1 us' * s.n, 1, 2, s.id, 1, 1, 38, 1,
       CASE s.n %% 20 WHEN 0 THEN 503 ELSE 200 END
  FROM generate_series(1, 4) k, (SELECT id, row_number() OVER (ORDER BY id) AS n FROM subscriptions) s;
DROP TABLE made, waiting;
"""


def fill(owner: psycopg.Connection[Any], topics: int) -> None:
    """Make so many topics, in a new database."""
    owner.execute((FILL % {"topics": topics}).encode())
    owner.execute("VACUUM (ANALYZE)")


# 5,000 messages and 2,000 attempts of now that failed, of as many topics and subscriptions as there are.
TRAFFIC = """
INSERT INTO broker.messages (id, topic_id, content, sender, created_at)
SELECT broker.uuidv7(broker.ticks(clock_timestamp()) + n), 2 + (n * 7919) %% %(topics)s, '{"a": "message"}', 'bench', clock_timestamp()
  FROM generate_series(1, 5000) n;
INSERT INTO broker.attempts
       (subscription_id, started_at, first_seq, last_seq, message_id, digest, epoch, duration_ms, attempt, status)
SELECT s.id, clock_timestamp(), 1, 2, s.id, 1, 1, 38, 1, 503
  FROM (SELECT id, row_number() OVER (ORDER BY md5(id::text)) AS n FROM broker.subscriptions) s WHERE s.n <= 2000;
"""


def add_traffic(owner: psycopg.Connection[Any], topics: int) -> None:
    """Publish and attempt now as much as the broker reads for its rates, of topics all over."""
    owner.execute((TRAFFIC % {"topics": topics}).encode())
