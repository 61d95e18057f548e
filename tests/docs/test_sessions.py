"""The terminal sessions of the docs print what the page shows."""

import pytest

from scripts import sessions


@pytest.mark.slow
def test_the_sessions_print_what_the_page_shows() -> None:
    page = sessions.PAGE.read_text()
    assert sessions.played(page) == page, "run python -m scripts.sessions"
