"""Send to SQS.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from broker import settings
from broker.aws import client

MAX_ENTRIES = 10  # a call
MAX_BYTES = 1024 * 1024  # a call, and a message
ATTEMPTS = 3  # when SQS takes only part of a call
SEND_SECONDS = 6.0  # for all calls of a send, where no request waits for it


class NotSent(Exception):
    """SQS did not take all messages. `left` has the positions, in the bodies given, of those not known to be sent."""

    def __init__(self, left: Sequence[int]) -> None:
        super().__init__(f"{len(left)} not sent")
        self.left = tuple(left)


def send_batch(
    queue_url: str, bodies: Sequence[str], delay: timedelta = timedelta(), seconds: float = SEND_SECONDS
) -> None:
    """Send JSON documents in as few calls as SQS allows, and repeat what it refuses for no fault of ours.

    They are hidden for `delay`: whole seconds, 15 minutes at most. Each must be below 1 MiB. Raises NotSent after the
    others have been sent, or after `seconds`.
    """
    left: list[int] = []
    cause: Exception | None = None
    ends_at = time.monotonic() + seconds
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
            _send(queue_url, entries, ends_at)
        except (client.CallFailed, settings.SettingMissing) as error:
            cause = error
        left += map(int, entries)
    if left:
        raise NotSent(left) from cause


def _send(queue_url: str, entries: dict[str, dict[str, Any]], ends_at: float) -> None:
    """Send the entries of one call, and remove those that SQS took."""
    url = urlsplit(queue_url)
    for _ in range(ATTEMPTS):
        answer = client.call(
            client.SQS,
            "SendMessageBatch",
            {"QueueUrl": queue_url, "Entries": [*entries.values()]},
            region=settings.aws_region(),
            endpoint=f"{url.scheme}://{url.netloc}",
            seconds=ends_at - time.monotonic(),
        )
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
