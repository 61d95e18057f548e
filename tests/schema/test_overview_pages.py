"""Pages: the overview of 100,000 topics, all with traffic, touches hardly more than that of 1,000."""

from collections.abc import Iterator

import pytest

from bench import overviews
from tests.support import pages

pytestmark = pytest.mark.slow

SMALL, LARGE = 1_000, 100_000
CALLS = {
    "of all topics": "overview('{*}', 30)",
    "of a hundred topics": "overview('{*}', 100)",
    "of a token for most topics": "overview('{topic*}', 30)",
    "of a token for some": "overview('{topic0005*,topic000001}', 30)",
}
SCANS = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE schemaname = 'broker' AND n_live_tup > 1000 ORDER BY 1"


@pytest.fixture(scope="module")
def urls(database_url: str) -> Iterator[dict[int, str]]:
    """The owner's urls of a small and a large database."""
    with pages.databases(database_url, (SMALL, LARGE), overviews.fill) as urls:
        yield urls


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_the_overview_touches_as_many_pages_whatever_the_number_of_topics(urls: dict[int, str], call: str) -> None:
    counted = {}
    for topics, url in urls.items():
        with pages.connect(url) as session:
            overviews.add_traffic(session, topics)
            counted[topics] = [pages.count(session, call) for _ in range(3)][1:]
    assert max(counted[LARGE]) <= 2 * min(counted[SMALL]), counted


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_the_overview_scans_no_large_table(urls: dict[int, str], call: str) -> None:
    with pages.connect(urls[LARGE]) as session:
        before = session.execute(SCANS).fetchall()
        session.execute(f"SELECT {call}".encode())
        session.execute("SELECT pg_stat_force_next_flush()")
        assert session.execute(SCANS).fetchall() == before
    assert len(before) > 5
