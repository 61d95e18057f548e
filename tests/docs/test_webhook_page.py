"""docs/how-to/receive-webhooks.md shows lines of the examples, and each answer with its response."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pgbroker import webhooks
from pgbroker.webhooks import Answer, verify
from tests.docs.test_pages import blocks
from tests.support.client import ROOT

PAGE = (ROOT / "docs/how-to/receive-webhooks.md").read_text()
FRAMEWORKS = PAGE.partition("## In your framework")[2].partition("\n## ")[0]
ANSWERS = PAGE.partition("## What you answer")[2].partition("\n## ")[0]
EXACTLY_ONCE = PAGE.partition("## Exactly once")[2].partition("\n## ")[0]
WITHOUT = PAGE.partition("## Without the package")[2].partition("\n## ")[0]
EXAMPLES = ROOT / "examples" / "receivers"


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


def shows(block: str, example: Path) -> bool:
    """Whether the lines of a block are in an example, in their order."""
    rest = iter(lines(example.read_text()))
    return all(line in rest for line in lines(block))


def test_each_framework_is_shown_by_its_example():
    named = re.findall(r"\(../../examples/receivers/(\w+\.py)\)", FRAMEWORKS)
    shown = blocks(FRAMEWORKS, "python")
    assert {*named, "exactly_once.py"} == {file.name for file in EXAMPLES.glob("*.py")}
    assert [file for file, block in zip(named, shown, strict=True) if not shows(block, EXAMPLES / file)] == []


def test_the_effects_are_shown_by_their_example():
    shown = blocks(EXACTLY_ONCE, "python")
    assert len(shown) == 2
    assert all(shows(block, EXAMPLES / "exactly_once.py") for block in shown)


ROWS = re.findall(r"^\| [^|]+ \| (?:`None` or )?`(\w+)\((\w*)\)` \| ([^|]+) \|$", ANSWERS, re.MULTILINE)
ARGUMENTS: dict[str, Any] = {"": (), "ids": ([],), "seconds": (9,), "reason": ("why",)}


def test_each_answer_is_shown():
    makers = {
        name
        for name in webhooks.__all__
        if getattr(getattr(webhooks, name), "__annotations__", {}).get("return") is Answer
    }
    assert {name for name, _, _ in ROWS} == makers - {"handle", "handle_async"}


@pytest.mark.parametrize(("name", "argument", "response"), ROWS, ids=[row[0] for row in ROWS])
def test_an_answer_is_the_response_that_the_page_says(name, argument, response):
    answer: Answer = getattr(webhooks, name)(*ARGUMENTS[argument])
    assert response.startswith(str(int(answer.status)))
    assert ("Retry-After" in response) == ("retry-after" in answer.headers)
    assert ("webhook-delivery: abort-message" in response) == (
        answer.headers.get("webhook-delivery") == "abort-message"
    )
    assert ('{"failed"' in response) == answer.body.startswith(b'{"failed"')


def test_the_lines_about_answers_can_be_pasted(capsys):
    names: dict[str, Any] = {}
    for block in blocks(ANSWERS, "python"):
        exec(block, names)  # the page is the program
    assert names["answer"].status == 200


def test_the_body_shown_is_a_delivery():
    [body] = blocks(WITHOUT, "json")
    signed = webhooks.sign(body.encode(), "id", datetime.now(UTC), "whsec_YQ==")
    [message] = verify(body.encode(), signed, "whsec_YQ==").messages
    assert (message.seq, message.content) == (1, {"order": 1})
