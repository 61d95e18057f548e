"""docs/reference/delivery-rules.md says what the code does: each row about a response, the schedule and the numbers."""

import re
from datetime import UTC, datetime, timedelta
from inspect import signature
from uuid import UUID

import pytest

from broker.transport import payloads
from broker.transport.payloads import Job, Outcome
from broker.webhooks import outcomes, retries
from broker.webhooks.sender import Sender
from broker.webhooks.transfer import MAX_BODY, MAX_HEADERS, Response
from tests.support.client import ROOT, template

PAGE = (ROOT / "docs/reference/delivery-rules.md").read_text()
ROWS = dict(re.findall(r"^\| (.+?) \| (.+) \|$", PAGE.partition("## What a response means")[2], re.MULTILINE))
MESSAGE = UUID("0199d0c5-4b1a-7d2e-9f3a-6b5c4d3e2f1a")
ABORTS = {"webhook-delivery": "abort-message"}
WAITS = {"retry-after": "3600"}


def job(attempt: int = 1) -> Job:
    return Job(
        MESSAGE, 1, "http://127.0.0.1/", {}, "id", 1, 2, attempt, None, ordered=False, redelivery=None, body="{}"
    )


def judge(status: int | None, headers: dict[str, str] | None = None, body: bytes = b"", *, attempt: int = 1) -> Outcome:
    response = Response(status, None, headers or {}, body, datetime.now(UTC), timedelta(seconds=1))
    return outcomes.judge(job(attempt), response)


def row(beginning: str) -> str:
    """What the broker does, in the row about a response that begins so."""
    [found] = [text for response, text in ROWS.items() if response.startswith(beginning)]
    return found


def test_the_page_has_a_row_for_each_kind_of_response() -> None:
    assert [response for response in ROWS if response not in {"response", "---"}] == [
        "2xx within 15 s",
        '2xx with `{"failed": ["id", …]}`',
        "none, a time-out, 408, 425, 5xx, a redirect",
        "`Retry-After`, in seconds or as a date",
        "429",
        "410",
        "any other 4xx",
        "not 2xx, with `webhook-delivery: abort-message`",
    ]


@pytest.mark.parametrize("status", [200, 204, 299])
def test_the_next_batch_is_sent_after_2xx(status: int) -> None:
    assert row("2xx within") == "sends the next batch"
    assert judge(status).action == "delivered"


def test_messages_that_a_2xx_names_become_redeliveries() -> None:
    assert "the messages named become redeliveries" in row("2xx with `")
    outcome = judge(200, body=b'{"failed": ["%s"]}' % str(MESSAGE).encode())
    assert (outcome.action, outcome.refused) == ("delivered", [MESSAGE])


@pytest.mark.parametrize("status", [None, 408, 425, 500, 503, 599, 301, 307])
def test_an_outage_retries_the_batch_and_disables_the_subscription_in_the_end(status: int | None) -> None:
    assert "retries the same batch" in row("none")
    assert "after the last attempt it disables the subscription and keeps its position" in row("none")
    assert judge(status).action == "retry"
    assert judge(status, attempt=len(retries.SCHEDULE) + 1).action == "disable"


def test_the_page_has_the_schedule() -> None:
    shown = re.search(r"after (.+?) \(±10 %\)", row("none"))
    assert shown
    unit = {"s": 1, "min": 60, "h": 3600}
    seconds: list[float] = []
    for numbers, name in re.findall(r"([\d, and]+?) (s|min|h)\b", shown[1]):
        seconds += [int(number) * unit[name] for number in re.findall(r"\d+", numbers)]
    assert [timedelta(seconds=each) for each in seconds] == list(retries.SCHEDULE)
    assert retries.delay(1, chance=lambda: 0.0) == retries.SCHEDULE[0] * 0.9


def test_retry_after_is_obeyed() -> None:
    assert row("`Retry-After`").startswith("waits at least as long, a year at most; ignored when")
    assert judge(404, WAITS).retry_seconds == pytest.approx(5, rel=0.1)
    assert judge(503, WAITS).retry_seconds == 3600
    assert judge(503, {"retry-after": "99999999999"}).retry_seconds == timedelta(days=365).total_seconds()


def test_429_waits_and_counts_no_attempt() -> None:
    assert row("429") == "waits as long as `Retry-After` says, or half a minute; this counts as no attempt"
    assert (judge(429, WAITS).action, judge(429, WAITS).retry_seconds) == ("slow", 3600)
    assert judge(429).retry_seconds == pytest.approx(30, rel=0.1)
    assert judge(429, attempt=len(retries.SCHEDULE) + 1).action == "slow"


def test_410_disables() -> None:
    assert row("410") == "disables the subscription and keeps its position"
    assert judge(410).action == "disable"


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_another_4xx_makes_redeliveries(status: int) -> None:
    assert row("any other 4xx") == "makes redeliveries of the batch's messages, and sends the next batch"
    outcome = judge(status)
    assert outcome.action == "refused"
    assert outcome.retry_seconds is not None


@pytest.mark.parametrize("status", [400, 500])
def test_abort_message_makes_dead_letters(status: int) -> None:
    assert row("not 2xx") == "makes dead letters of the messages at once, and sends the next batch"
    outcome = judge(status, ABORTS)
    assert (outcome.action, outcome.retry_seconds) == ("refused", None)


def test_the_page_has_the_numbers_of_the_sender() -> None:
    defaults = {name: parameter.default for name, parameter in signature(Sender).parameters.items()}
    functions = template()["Resources"]
    source = functions["Deliver"]["Properties"]["Events"]["Deliver"]["Properties"]
    processes = source["ScalingConfig"]["MaximumConcurrency"]
    requests = int(source["BatchSize"]) * payloads.MAX_JOBS
    text = " ".join(PAGE.split())
    assert f"Up to {processes} Deliver processes run at once." in text
    assert (
        f"Each sends at most {requests} requests, at most {defaults['host_connections']} of them to one host." in text
    )
    assert (
        f"A response is read for at most {defaults['timeout'].seconds} s, its body up to {MAX_BODY // 1024} KiB" in text
    )
    assert f"its headers up to {MAX_HEADERS // 1024} KiB" in text
    assert f"the first {outcomes.MAX_ANSWER // 1024} KiB of the response" in text
