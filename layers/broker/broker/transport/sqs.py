"""Send to SQS through botocore. It is slow to import, so that is done at the first use, and only here."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

MAX_ENTRIES = 10  # a call
MAX_BYTES = 1024 * 1024  # a call, and a message
ATTEMPTS = 3  # when SQS takes only part of a call


class NotSent(Exception):
    """SQS did not take all messages. `left` has the positions, in the bodies given, of those not known to be sent."""

    def __init__(self, left: Sequence[int]) -> None:
        super().__init__(f"{len(left)} not sent")
        self.left = tuple(left)


def send_batch(queue_url: str, bodies: Sequence[str], delay: timedelta = timedelta()) -> None:
    """Send JSON documents in as few calls as SQS allows, and repeat what it refuses for no fault of ours.

    They are hidden for `delay`: whole seconds, 15 minutes at most. Each must be below 1 MiB. Raises NotSent after the
    others have been sent.
    """
    left: list[int] = []
    cause: Exception | None = None
    # JSON may contain these two characters, and SQS refuses them. They are in strings, where an escape means the same
    sendable = [body.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff") for body in bodies]
    for call in _calls(sendable):
        entries = {
            str(position): {
                "Id": str(position),
                "MessageBody": sendable[position],
                "DelaySeconds": int(delay.total_seconds()),
            }
            for position in call
        }
        try:
            _send(queue_url, entries)
        except Exception as error:  # noqa: BLE001  botocore's own class is not imported for this
            cause = error
        left += map(int, entries)
    if left:
        raise NotSent(left) from cause


def _send(queue_url: str, entries: dict[str, dict[str, Any]]) -> None:
    """Send the entries of one call, and remove those that SQS took."""
    for _ in range(ATTEMPTS):
        answer = _client(_endpoint(queue_url)).send_message_batch(QueueUrl=queue_url, Entries=[*entries.values()])
        for sent in answer.get("Successful", []):
            del entries[sent["Id"]]
        if not entries or any(failed["SenderFault"] for failed in answer.get("Failed", [])):
            return


def _calls(bodies: Sequence[str]) -> Iterator[list[int]]:
    """Group the positions of the bodies that fit into one call."""
    call: list[int] = []
    room = MAX_BYTES
    for position, body in enumerate(bodies):
        size = len(body.encode())
        if call and (len(call) == MAX_ENTRIES or size > room):
            yield call
            call, room = [], MAX_BYTES
        call.append(position)
        room -= size
    if call:
        yield call


def _endpoint(queue_url: str) -> str | None:
    """Return the endpoint of a queue on this machine, which has no TLS; None for one at AWS, which botocore knows."""
    parts = urlsplit(queue_url)
    return f"http://{parts.netloc}" if parts.scheme == "http" else None


@cache
def _client(endpoint: str | None) -> Any:
    from botocore.config import Config  # noqa: PLC0415  as the next
    from botocore.session import get_session  # noqa: PLC0415  to the first message a tenth faster than boto3

    config = Config(
        connect_timeout=1,  # seconds; so is read_timeout
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": 2},
        parameter_validation=False,
        proxies={} if endpoint else None,
    )
    return get_session().create_client("sqs", endpoint_url=endpoint, config=config)
