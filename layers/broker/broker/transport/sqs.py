"""Send to SQS, through boto3's core. It is Lambda's own and slow to import: so it is when first used, and only here."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

MAX_ENTRIES = 10  # a call
MAX_OCTETS = 1024 * 1024  # a call, and a message
TRIES = 3  # for what SQS took in part


class NotSent(Exception):
    """SQS did not take everything. `left` are the places, among the bodies given, of those not known to be sent."""

    def __init__(self, left: Sequence[int]) -> None:
        super().__init__(f"{len(left)} not sent")
        self.left = tuple(left)


def send(queue_url: str, body: str, delay: timedelta = timedelta()) -> None:
    """Send one message, hidden for `delay`: whole seconds, 15 minutes at most. Raises NotSent."""
    send_batch(queue_url, [body], delay)


def send_batch(queue_url: str, bodies: Sequence[str], delay: timedelta = timedelta()) -> None:
    """Send JSON documents, in as few calls as SQS allows; what it refuses for no fault of ours is tried again.

    Each is below 1 MiB. Raises NotSent, when the others have been sent all the same.
    """
    left: list[int] = []
    cause: Exception | None = None
    # JSON may hold these two and SQS refuses them. In JSON they stand in strings, where an escape says the same
    sendable = [body.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff") for body in bodies]
    for call in _calls(sendable):
        entries = {
            str(place): {"Id": str(place), "MessageBody": sendable[place], "DelaySeconds": int(delay.total_seconds())}
            for place in call
        }
        try:
            _send(queue_url, entries)
        except Exception as error:  # noqa: BLE001  of whatever kind botocore's is: it is not imported to be named
            cause = error
        left += map(int, entries)
    if left:
        raise NotSent(left) from cause


def _send(queue_url: str, entries: dict[str, dict[str, Any]]) -> None:
    """Send the entries of one call, and take away those that SQS has."""
    for _ in range(TRIES):
        answer = _client(_endpoint(queue_url)).send_message_batch(QueueUrl=queue_url, Entries=[*entries.values()])
        for sent in answer.get("Successful", []):
            del entries[sent["Id"]]
        if not entries or any(failed["SenderFault"] for failed in answer.get("Failed", [])):
            return


def _calls(bodies: Sequence[str]) -> Iterator[list[int]]:
    """The places of the bodies that go together in one call."""
    call: list[int] = []
    room = MAX_OCTETS
    for place, body in enumerate(bodies):
        octets = len(body.encode())
        if call and (len(call) == MAX_ENTRIES or octets > room):
            yield call
            call, room = [], MAX_OCTETS
        call.append(place)
        room -= octets
    if call:
        yield call


def _endpoint(queue_url: str) -> str | None:
    """Where a queue without TLS is: on this machine. AWS's are where boto3 knows them to be."""
    parts = urlsplit(queue_url)
    return f"http://{parts.netloc}" if parts.scheme == "http" else None


@cache
def _client(endpoint: str | None) -> Any:
    from botocore.config import Config  # noqa: PLC0415  as the next
    from botocore.session import get_session  # noqa: PLC0415  a tenth less time to the first message than with boto3

    config = Config(
        connect_timeout=1,  # seconds, as the next
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": 2},
        parameter_validation=False,
        proxies={} if endpoint else None,
    )
    return get_session().create_client("sqs", endpoint_url=endpoint, config=config)
