"""Concurrent sessions: each test of a module marked `verbs` runs alone, and, as a slow test, beside two open sessions.

One session reads the queue in a snapshot from before the test, as a report or a dump does. The other has published to
another topic through the SQL door, and has not committed. A verb must neither wait for them nor see their messages.
"""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

WAITING = "SELECT message_id, receives FROM broker.queue ORDER BY message_id"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("verbs"):
        beside_others = pytest.param("beside_others", marks=pytest.mark.slow)
        metafunc.parametrize("concurrent_sessions", ["alone", beside_others], indirect=True)


@pytest.fixture(autouse=True)
def concurrent_sessions(request: pytest.FixtureRequest, database_url: str, _clean: None) -> Iterator[None]:
    if getattr(request, "param", "alone") == "alone":
        yield
        return
    with closing(psycopg.connect(database_url)) as reader, closing(psycopg.connect(database_url)) as producer:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        before = reader.execute(WAITING).fetchall()
        producer.execute("""SELECT broker.publish('elsewhere', '"not committed"')""")
        yield
        assert reader.execute(WAITING).fetchall() == before, "the snapshot changed"
        assert producer.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        assert producer.execute("SELECT count(*) FROM broker.consume('elsewhere')").fetchone() == (1,)
