"""The doorbell: whoever has committed something to move or to send rings, and dispatch looks.

A ring that is lost loses no message, since PostgreSQL knows what is owed; and one that fails does not undo what it was
rung for, so it is logged and that is all. Without queues, what dispatch would do is done at once, in this process.
"""

import time
from datetime import UTC, datetime

from broker import settings, sqs, telemetry, wakes
from broker.wakes import Wake

APART = 0.05  # seconds between two looks that are asked for at a topic
MANY_TOPICS = 10_000
EARLY = 0.01  # seconds by which another computer's clock may be ahead

settings.check_queues("DISPATCH_QUEUE_URL")


_looks: dict[str, float] = {}  # when dispatch was last asked to look at a topic, or will have been


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
    _looks.clear()


def _wake(queue_url: str, topic: str) -> None:
    now = time.time()  # not the monotonic clock, which may have stood still while this process was frozen
    if len(_looks) > MANY_TOPICS:
        forget()
    look = _looks.get(topic, 0.0)
    if EARLY < look - now < 2 * APART:  # it has yet to look; further ahead, the clock was set back
        return
    soon = abs(now - look) < APART
    next_look = look + APART if soon else now
    sqs.send(queue_url, wakes.body(Wake(topic, datetime.fromtimestamp(next_look, UTC) if soon else None)))
    _looks[topic] = next_look


def _dispatch(topic: str | None) -> int:
    from broker import dispatches  # noqa: PLC0415  only here: with queues, who rings need not know how to send

    return dispatches.push(topic)
