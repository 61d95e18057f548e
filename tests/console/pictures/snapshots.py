"""What a screen reader gets of a screen, without what is different each time."""

import re
from pathlib import Path

from playwright.sync_api import Page

from tests.support.runner import ROOT

FOLDER = ROOT / "docs" / "pictures"

# in this order
VARYING = {
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|[0-9a-f]{4,}…[0-9a-f]*": "ID",
    r"\{ ?\\\"order\\\".*?\} ?\}": "CONTENT",
    r"\d{4}-\d\d-\d\d[T ][\d:.]+Z?|\d\d:\d\d(:\d\d)?(\.\d+)?": "TIME",
    r"(in )?\d[\d.]* (ms|s|min|h|d)( ago)?\b|\bnow\b": "TIME",
    r"TIME( TIME)+": "TIME",
    r"customer-\d+|(\d[\d,.]*|–)(/s)?": "N",  # noqa: RUF001  the page's sign for what is not known
    r"N( N)+": "N",
}
PAGED = re.compile(r"button \"More\"|so far$|in the order of")


def snapshot(page: Page) -> dict[str, None]:
    """Return the distinct lines of a page's ARIA snapshot: so rows are a few, however many a table has."""
    lines = page.locator("body").aria_snapshot().splitlines()
    for pattern, word in VARYING.items():
        lines = [re.sub(pattern, word, line) for line in lines]
    return dict.fromkeys(line for line in lines if not PAGED.search(line))


def read(name: str) -> dict[str, None]:
    """Read the snapshot of a screen."""
    return dict.fromkeys(file(name).read_text().splitlines())


def write(name: str, page: Page) -> None:
    """Write it, in the order of the page."""
    file(name).write_text("".join(f"{line}\n" for line in snapshot(page)))


def file(name: str) -> Path:
    """Where the snapshot of a screen is."""
    return FOLDER / f"{name}.yaml"
