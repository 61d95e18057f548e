"""docs/explanation/alternatives.md says of pgbroker what the code, the other pages and the bench's table say."""

import re

import pytest

from broker.queue import messages
from tests.support import contract
from tests.support.client import ROOT

DOCS = ROOT / "docs"
PAGE = (DOCS / "explanation/alternatives.md").read_text()
OTHERS = ["SQS and SNS", "pgmq", "River", "Svix", "QStash"]
LIMITS = (DOCS / "reference/limits.md").read_text()
COST = (DOCS / "explanation/cost.md").read_text()
FIGURES = (DOCS / "explanation/benchmarks.md").read_text().partition("<!-- measured: begin -->")[2]


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def limit(row: str) -> str:
    """What the table of limits has for pgbroker."""
    found = re.search(rf"^\| {re.escape(row)} \| ([^|]+) \|", section("Limits"), re.MULTILINE)
    assert found, row
    return found[1]


@pytest.mark.parametrize("heading", OTHERS)
def test_each_of_the_five_is_better_at_something_and_is_to_be_taken_at_times(heading: str) -> None:
    text = section(heading)
    better, _, ours = text.partition("\nWhat pgbroker does, and ")
    assert re.findall(r"^- ", better, re.MULTILINE)
    assert re.findall(r"^- ", ours, re.MULTILINE)
    assert len(re.findall(r"\*\*Take [^*]+ when\*\*", text)) == 1
    assert re.findall(r"\]\(https://", better)


def test_the_limits_are_those_of_the_broker() -> None:
    assert limit("message") == f"{messages.MAX_BYTES // 1024} KiB"
    assert limit("messages in a publish") == f"{messages.MAX_BATCH:,}, all or none"
    assert "| messages in one publish | 1,000, all or none |" in LIMITS
    assert limit("kept") == "30 days, 1 to 365 as set; longer while it waits"
    assert "| messages, log and attempts kept | 1 to 365 days, by default 30 (" in LIMITS
    assert limit("a repeat is known for") == "24 h"
    assert "| an `Idempotency-Key` is remembered | 24 hours |" in LIMITS
    assert limit("lease") == "30 s, 1 s to 24 h as set"
    assert "| lease | 1 s to 24 h, by default 30 s |" in LIMITS


def test_the_prices_are_those_of_the_cost_page() -> None:
    idle = re.search(r"^\| \*\*all but the database\*\* \| \*\*([\d.]+)\*\* \|", COST, re.MULTILINE)
    asleep = re.search(r"^\| \*\*with the managed database\*\* \| \*\*([\d.]+)\*\* \|", COST, re.MULTILINE)
    million = [
        float(price) for price in re.findall(r"^\| [^|]+ \| \d \| [^|]+ \| [^|]+ \| \*\*([\d.]+)", COST, re.MULTILINE)
    ]
    assert idle
    assert asleep
    assert limit("$ a month, idle") == f"{idle[1]}, and the database"
    assert f"costs ${asleep[1]}." in section("When not to take pgbroker")
    assert limit("$ a million") == f"{min(million):.2f} to {max(million):.2f}, and the database"


def test_the_figures_are_those_of_the_bench() -> None:
    stored = re.search(r"^\| \*\*http-32\*\*: [^|]+ \| ([\d,]+) requests/s \|", FIGURES, re.MULTILINE)
    ratios = re.findall(r"^\| \*\*(?:en|de)queue-[^|]+ \| [^|]+ \| [^|]+ \| ([\d.]+) \|", FIGURES, re.MULTILINE)
    assert stored
    assert f"stored {stored[1]} messages a second" in " ".join(PAGE.split())
    assert len(ratios) == 6
    lowest, highest = min(ratios, key=float), max(ratios, key=float)
    shown = re.search(r"were ([\d.]+) times \([^)]+\) to ([\d.]+) times", " ".join(PAGE.split()))
    assert shown
    assert shown.groups() == (lowest, highest)


def test_what_the_page_misses_is_not_in_the_contract() -> None:
    """With a delay, an order by key or a filter in a request, a line under "When not to take pgbroker" is wrong."""
    schemas = contract.document()["components"]["schemas"]
    assert schemas["Message"]["properties"].keys() == {"content", "sender", "key", "attributes"}
    assert schemas["Subscribe"]["properties"].keys() == {
        "url",
        "name",
        "headers",
        "batch_size",
        "retry_schedule",
        "ordered",
        "rate_per_second",
        "backlog_days",
    }
    assert schemas["Consume"]["properties"].keys() == {"max", "lease_seconds", "wait_seconds", "auto_ack"}
