"""The doorbell: whoever has committed something to move or to send rings, and dispatch looks.

A ring that is lost loses no message, since PostgreSQL knows what is owed; and one that fails does not undo what it was
rung for, so it is logged and that is all. Without queues, what dispatch would do is done at once, in this process.
"""

import time
from dataclasses import dataclass
from datetime import timedelta

from broker import settings, sqs, telemetry, wakes
from broker.wakes import Wake

AT_ONCE_EVERY = 0.05  # seconds between two wake-ups that are sent at once for a topic
PAUSE = timedelta(seconds=1)  # of the one that is sent for all that come in between
MANY_TOPICS = 10_000
EARLY = 0.1  # seconds by which SQS may bring it too soon

settings.check_queues("DISPATCH_QUEUE_URL")


@dataclass(slots=True)
class _Rung:
    """When this process last sent a wake-up of a topic at once, and until when a delayed one is still to come."""

    at_once_at: float = 0.0
    covered_until: float = 0.0


_rung: dict[str, _Rung] = {}


def ring(topic: str) -> None:
    """Tell that something of `topic` was committed. Many rings in a short time send few wake-ups. Raises nothing."""
    queue_url = settings.current().dispatch_queue_url
    try:
        if queue_url is None:
            _dispatch(topic)
        else:
            _wake(queue_url, topic)
    except Exception as error:  # noqa: BLE001  what was committed stays so, whatever went wrong after it
        telemetry.failure(error, "doorbell", "")


def sweep() -> int | None:
    """Let all topics be looked at, whatever wake-ups may have been lost.

    Returns how many batches were sent; None with queues: dispatch sees to them. Raises NotSent and DatabaseAway.
    """
    queue_url = settings.current().dispatch_queue_url
    if queue_url is None:
        return _dispatch(None)
    sqs.send(queue_url, wakes.body(Wake(afresh=True)))
    return None


def forget() -> None:
    """Forget what was sent: the next ring of each topic sends at once."""
    _rung.clear()


def _wake(queue_url: str, topic: str) -> None:
    now = time.time()  # not the monotonic clock, which may have stood still while this process was frozen
    if len(_rung) > MANY_TOPICS:
        forget()
    rung = _rung.setdefault(topic, _Rung())
    if not 0 <= now - rung.at_once_at < AT_ONCE_EVERY:
        sqs.send(queue_url, wakes.body(Wake(topic)))
        rung.at_once_at = now
    elif not now < rung.covered_until <= now + PAUSE.total_seconds():
        sqs.send(queue_url, wakes.body(Wake(topic)), PAUSE)
        rung.covered_until = now + PAUSE.total_seconds() - EARLY


def _dispatch(topic: str | None) -> int:
    from broker import dispatches  # noqa: PLC0415  only here: with queues, who rings need not know how to send

    return dispatches.push(topic)
