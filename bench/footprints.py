"""`python -m bench.footprints`: what PostgreSQL does for a message: its CPU time, its write-ahead log, its pages.

Unlike rates, these hardly depend on what else the machine does. One session calls the verbs as the functions do, one
commit each, one call after the other. CPU time is that of its server process (Linux only), without what PostgreSQL does
in the background.
"""

import itertools
import json
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from bench import servers

CONTENT = "x" * 1022  # 1 KB as JSON
PLAIN = "INSERT INTO public.plain (content) VALUES (%s::json) RETURNING id"
TOKEN = "00000000-0000-0000-0000-000000000001"
WAITING = 1_000_000  # in another topic of the large database
WARM_UPS, GROUPS, CALLS, EXPLAINED = 50, 8, 25, 8  # after five calls, a statement has its general plan
HEAD = "| call | messages | CPU µs | WAL bytes | pages |\n|---|---|---|---|---|"
OUTCOME = """json_build_object('subscription_id', p.subscription_id, 'fence', p.fence, 'webhook_id', p.webhook_id,
    'attempt', 1, 'first_seq', p.first_seq, 'last_seq', p.last_seq, 'started_at', clock_timestamp(), 'duration_ms', 9,
    'status', 200, 'action', 'delivered')"""

Call = tuple[str, Sequence[object]]  # a statement and its values
Arrange = Callable[[int], Iterable[Call]]  # prepare so many calls; only the calls are measured


class Sessions:
    """Two sessions: one runs what is measured and nothing else, the other prepares it and looks at the server."""

    def __init__(self, measured: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> None:
        for connection in (measured, other):
            connection.execute("SET search_path = broker")
        self._measured, self._other = measured, other
        self._schedule = Path(f"/proc/{measured.info.backend_pid}/schedstat")
        self.result: Any = None  # of the last call that was measured

    def run(self, statement: str, *values: object) -> Any:
        """Run a statement that is not measured; return its only value."""
        return _only(self._other, statement, values)

    def call(self, statement: str, values: Sequence[object]) -> None:
        self.result = _only(self._measured, statement, values)

    def measure(self, arrange: Arrange) -> tuple[float, float, int]:
        """Return the CPU time in µs and the bytes of WAL of a call, and the pages that it touches.

        The CPU time is the least of several groups: what else runs only adds to it. The bytes are the median: the first
        change of a page after a checkpoint writes the whole page.
        """
        calls = iter(arrange(WARM_UPS + GROUPS * CALLS + EXPLAINED))
        self._run_group(calls, WARM_UPS)
        groups = [self._run_group(calls, CALLS) for _ in range(GROUPS)]
        log = statistics.median(each for _, logs in groups for each in logs)
        pages = [self._count_pages(*call) for call in calls]
        return min(cpu for cpu, _ in groups), log, pages[-1]

    def _run_group(self, calls: Iterator[Call], count: int) -> tuple[float, list[int]]:
        cpu, ends = self._cpu_ns(), [self._log_end()]
        for statement, values in itertools.islice(calls, count):
            self.call(statement, values)
            ends.append(self._log_end())
        return (self._cpu_ns() - cpu) / 1000 / count, [after - before for before, after in itertools.pairwise(ends)]

    def _count_pages(self, statement: str, values: Sequence[object]) -> int:
        explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}"
        self._measured.execute("BEGIN")
        [plan] = _only(self._measured, explain, values)
        self._measured.execute("ROLLBACK")
        self.call(statement, values)
        return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])

    def _cpu_ns(self) -> int:
        return int(self._schedule.read_text().split()[0])

    def _log_end(self) -> int:
        return int(self.run("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"))


def _only(connection: psycopg.Connection[Any], statement: str, values: Sequence[object]) -> Any:
    [value] = connection.execute(statement.encode(), values).fetchone() or [None]
    return value


def main() -> None:
    with servers.server() as server:
        for waiting in (0, WAITING):
            with (
                servers.create_broker_database(server, "broker_bench_footprints") as broker,
                servers.connect(broker.owner_url) as measured,
                servers.connect(broker.owner_url) as other,
            ):
                servers.create_plain_table(broker)
                _fill(other, waiting)
                sessions = Sessions(measured, other)
                print(f"\n{waiting:,} messages wait in another topic, and as many are in a log\n\n{HEAD}")
                for name, messages, arrange in _scenarios(sessions):
                    cpu, log, pages = sessions.measure(arrange)
                    print(f"| {name} | {messages:,} | {cpu:,.0f} | {log:,.0f} | {pages:,} |", flush=True)


def _fill(owner: psycopg.Connection[Any], messages: int) -> None:
    if not messages:
        return
    owner.execute("SELECT broker.ensure_partitions(now(), now() + interval '36 days')")
    servers.fill(owner, "logged", messages, 200, days=30)
    servers.move_to_log(owner, "logged")
    servers.fill(owner, "waiting", messages, 200, days=30)
    owner.execute("VACUUM (ANALYZE)")


def _scenarios(sessions: Sessions) -> Iterator[tuple[str, int, Arrange]]:
    """What is measured: a name, how many messages or webhooks a call is for, and how calls are prepared."""
    yield "a plain `INSERT`, to compare", 1, lambda count: [(PLAIN, [json.dumps(CONTENT)])] * count
    for many in (1, 100, 1000):
        yield f"publish {many:,}", many, _publishing(many, "published")
    for many in (1, 100):
        yield f"consume {many}", many, _consuming(sessions, many)
        yield f"settle {many}", many, _settling(sessions, many)
    for many in (1, 100):
        yield f"broadcast {many}", many, _broadcasting(sessions, many)
    for many in (1, 100):
        yield f"plan and record a batch of {many}", many, _pushing(sessions, f"batch-{many}", many, subscriptions=1)
    yield "plan and record one message to 100", 100, _pushing(sessions, "fan-out", 1, subscriptions=100)


def _publishing(many: int, topic: str) -> Arrange:
    messages = json.dumps([{"content": CONTENT}] * many)
    statement = "SELECT ids FROM publish_unchecked(%s, %s::json, 'bench', %s::uuid)"
    return lambda count: [(statement, [topic, messages, TOKEN])] * count


def _publish(sessions: Sessions, topic: str, many: int, times: int) -> None:
    for statement, values in _publishing(many, topic)(times):
        sessions.run(statement, *values)


def _consuming(sessions: Sessions, many: int) -> Arrange:
    def arrange(count: int) -> list[Call]:
        _publish(sessions, f"consumed-{many}", many, count)
        return [("SELECT array_agg(receipt) FROM consume(%s, %s)", [f"consumed-{many}", many])] * count

    return arrange


def _settling(sessions: Sessions, many: int) -> Arrange:
    def arrange(count: int) -> list[Call]:
        topic = f"settled-{many}"
        _publish(sessions, topic, many, count)
        leased = "SELECT json_build_object('ack', json_agg(receipt)) FROM consume(%s, %s, 3600)"
        receipts = [json.dumps(sessions.run(leased, topic, many)) for _ in range(count)]
        return [("SELECT acked FROM settle_unchecked(%s, %s::json)", [topic, each]) for each in receipts]

    return arrange


def _broadcasting(sessions: Sessions, many: int) -> Arrange:
    def arrange(count: int) -> list[Call]:
        topic = f"news-{many}"
        subscription = _subscribe(sessions, topic, "paused", many)  # so it keeps out of the plans of other calls
        sessions.run("SELECT change_subscription(%s, %s::uuid, '{\"paused\": true}')", topic, subscription)
        _publish(sessions, topic, many, count)
        return [("SELECT messages FROM broadcast(%s, NULL, %s)", [topic, many])] * count

    return arrange


def _pushing(sessions: Sessions, topic: str, many: int, *, subscriptions: int) -> Arrange:
    """Each call records the outcomes of what the call before has planned, and plans the next of a backlog."""

    def arrange(count: int) -> Iterator[Call]:
        for number in range(subscriptions):
            _subscribe(sessions, topic, str(number), many)
        _publish(sessions, topic, many, count)
        for _ in range(count):
            sessions.run("SELECT messages FROM broadcast(%s, NULL, %s)", topic, many)
        sessions.result = None
        statement = f"SELECT json_agg({OUTCOME}) FROM plan_batches(100, 300, 1000, %s::json) p"
        for _ in range(count):
            yield statement, [json.dumps(sessions.result) if sessions.result else None]

    return arrange


def _subscribe(sessions: Sessions, topic: str, name: str, batch_size: int) -> Any:
    settings = json.dumps({"url": "https://hooks.example/orders", "batch_size": batch_size})
    return sessions.run("SELECT id FROM subscribe(%s, %s, 'whsec_bench', %s::jsonb)", topic, name, settings)


if __name__ == "__main__":
    if sys.platform != "linux":
        sys.exit("it reads /proc, which only Linux has")
    main()
