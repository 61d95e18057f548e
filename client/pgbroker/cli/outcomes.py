"""What the response to a webhook means for its messages: the rules of docs/reference/delivery-rules.md."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal
from uuid import UUID

import msgspec

from pgbroker.cli.endpoint import Response
from pgbroker.cli.pushes import Push, QueuedMessage

Result = Literal["delivered", "refused", "retry", "slow", "dead", "disable"]

RATE_LIMIT_SECONDS = 30  # after a 429 without Retry-After
FIRST_SECONDS, MAX_SECONDS = 5, 300
MAX_RETRY_AFTER = timedelta(days=365)
TEMPORARY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}  # of the 4xx: the server's trouble, not the message's


class Outcome(msgspec.Struct, frozen=True):
    """What becomes of the messages of a webhook.

    - delivered: they are acknowledged, but those that `failed`, which are sent again one by one
    - refused: all are sent again one by one
    - retry, slow: all are sent again
    - dead: all become dead letters
    - disable: all are released, and nothing is sent any more

    Nothing is sent for `pause` seconds. What comes again is ready after `seconds`; None: the later, the more often it
    was received.
    """

    result: Result
    failed: frozenset[str] = frozenset()
    pause: int = 0
    seconds: int | None = None

    def wait(self, message: QueuedMessage) -> int:
        """Return in how many seconds a message that was not delivered is ready again."""
        return max(self.pause, delay(message.receives)) if self.seconds is None else self.seconds


class _PartialFailure(msgspec.Struct):
    failed: list[UUID]


_PARTIAL_FAILURE = msgspec.json.Decoder(_PartialFailure)


def judge(push: Push, response: Response, outages: int) -> Outcome:
    """Decide what a response means. `outages`: so many webhooks in a row before this one had to be sent again."""
    failed = _failed(push, response)
    result = _result(push, response, failed)
    asked = _retry_after(response.headers.get("retry-after"), datetime.now(UTC))
    if result == "disable" or response.refused:  # until something listens, nothing is leased
        return Outcome(result, seconds=0)
    if result == "slow":
        pause = asked or RATE_LIMIT_SECONDS
        return Outcome(result, pause=pause, seconds=pause)
    if result == "retry" and push.again:
        return Outcome(result, failed, max(asked, 0 if response.status else FIRST_SECONDS))
    if result == "retry":
        pause = max(asked, delay(outages + 1))
        return Outcome(result, pause=pause, seconds=pause)
    return Outcome(result, failed)


def delay(failures: int) -> int:
    """Return how many seconds to wait after so many failures: 5, 10, 20, up to 300."""
    return min(FIRST_SECONDS << min(failures - 1, 10), MAX_SECONDS)


def aborts(response: Response) -> bool:
    """Whether the endpoint asks never to be sent this again."""
    return response.headers.get("webhook-delivery", "").strip().lower() == "abort-message"


def _result(push: Push, response: Response, failed: Collection[str]) -> Result:
    status = response.status
    if status is None:
        return "retry"
    if status == HTTPStatus.GONE:
        return "disable"
    if HTTPStatus(200) <= status < HTTPStatus.MULTIPLE_CHOICES:
        return "retry" if failed and push.again else "delivered"
    if aborts(response):
        return "dead"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "slow"
    is_refusal = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in TEMPORARY
    return "refused" if is_refusal and not push.again else "retry"


def _failed(push: Push, response: Response) -> frozenset[str]:
    """Return the ids that a 2xx response names as failed. One that is no id makes it name none, as in the broker."""
    status = response.status or 0
    if not (HTTPStatus(200) <= status < HTTPStatus.MULTIPLE_CHOICES) or not response.body:
        return frozenset()
    try:
        named = {str(each) for each in _PARTIAL_FAILURE.decode(response.body).failed}
    except (msgspec.MsgspecError, RecursionError, UnicodeError):  # a body may be anything
        return frozenset()
    return frozenset(message.id for message in push.messages if message.id in named)


def _retry_after(header: str | None, now: datetime) -> int:
    """Return how many seconds a Retry-After header asks to wait (RFC 9110, 10.2.3): 0 when it cannot be read."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return min(int(text[:12]), round(MAX_RETRY_AFTER.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    left = min(max(at.replace(tzinfo=at.tzinfo or UTC) - now, timedelta()), MAX_RETRY_AFTER)
    return round(left.total_seconds())
