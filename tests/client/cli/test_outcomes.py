"""What a response means to `listen` is what it means to the broker."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest

from broker.transport.payloads import Job
from broker.webhooks import outcomes, transfer
from pgbroker.cli.endpoint import Response
from pgbroker.cli.outcomes import Outcome, judge
from pgbroker.cli.pushes import Push, QueuedMessage

IDS = ["0199d0c5-4b1a-7d2e-9f3a-6b5c4d3e2f1a", "0199d0c5-4b1a-7d2e-9f3a-6b5c4d3e2f1b"]
OTHER = "0199d0c5-5a5e-7b3f-8c7e-2f1d0a9b8c7d"
ABORT = {"webhook-delivery": "Abort-Message "}
NAMED = f'{{"failed": ["{IDS[0].upper()}"]}}'.encode()
RESPONSES = [
    *((status, headers, b"") for status in range(200, 600, 1) for headers in ({}, ABORT)),
    *((status, {"retry-after": "40"}, b"") for status in (200, 302, 400, 408, 410, 425, 429, 500, 503)),
    *((200, {}, body) for body in (NAMED, b'{"failed": []}', b'{"failed": ["x"]}', b"ok", b"\xff", b"[" * 9000)),
    (200, {}, f'{{"failed": ["{IDS[0]}", "{OTHER}"]}}'.encode()),
    (500, {}, NAMED),
    (None, {}, b""),
]


def push(ids: list[str], *, again: bool) -> Push:
    messages = [QueuedMessage(each, f"{each}.1", b"1", "s", None, b"null", datetime.now(UTC), 1) for each in ids]  # type: ignore[arg-type]
    return Push("id", b"{}", messages, again)


def theirs(status, headers, body, *, again):
    response = transfer.Response(status, "why", headers, body, datetime.now(UTC), timedelta())
    redelivery = UUID(IDS[0]) if again else None
    job = Job(UUID(OTHER), 1, "", {}, "", 1, 2, 1, None, ordered=False, redelivery=redelivery, body="")
    return outcomes.judge(job, response)


def ours(status, headers, body, *, again, outages=0) -> Outcome:
    ids = IDS[:1] if again else IDS
    return judge(push(ids, again=again), Response(status, "why", headers, body, 1), outages)


@pytest.mark.parametrize("again", [False, True])
def test_each_response_has_the_result_that_it_has_at_the_broker(again):
    for status, headers, body in RESPONSES:
        expected, found = theirs(status, headers, body, again=again), ours(status, headers, body, again=again)
        aborted = expected.action == "refused" and expected.reason == "the endpoint asked to abort"
        assert found.result == ("dead" if aborted else expected.action), (status, headers, body)
        if found.result == "delivered":
            assert found.failed == {str(each) for each in expected.refused or []} & set(IDS)


def test_an_endpoint_that_asks_for_time_gets_it():
    assert ours(503, {"retry-after": "40"}, b"", again=False).pause == 40
    assert ours(503, {"retry-after": "40"}, b"", again=True).pause == 40
    assert ours(429, {}, b"", again=False).pause == 30
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100))
    assert 90 < ours(429, {"retry-after": later}, b"", again=False).pause <= 100
    assert ours(500, {"retry-after": "soon"}, b"", again=False).pause == 5
    assert ours(500, {"retry-after": "9" * 30}, b"", again=False).pause == 365 * 86_400


def test_pauses_grow_while_nothing_is_taken():
    pauses = [ours(500, {}, b"", again=False, outages=n).pause for n in (0, 1, 2, 5, 6, 99)]
    assert pauses == [5, 10, 20, 160, 300, 300]


def test_what_is_refused_waits_longer_each_time_and_delays_nothing_else():
    outcome = ours(400, {}, b"", again=False)
    assert outcome.pause == 0
    waits = [outcome.wait(QueuedMessage("", "", b"", "", None, b"", datetime.now(UTC), n)) for n in (1, 2, 9)]  # type: ignore[arg-type]
    assert waits == [5, 10, 300]
    assert ours(500, {}, b"", again=True).pause == 0
    assert ours(None, {}, b"", again=True).pause == 5
