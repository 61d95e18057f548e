"""Tell Dispatch that a topic may have work.

Losing a notification loses no message: the database records what is due, and the daily sweep finds it. A notification
that fails does not undo what it was sent for, so it is only logged. A request waits for SQS half a second at most. SQS
is left alone for seconds after it failed; then the next request of this process sends what was not sent. Without
queues, the work is done at once, in this process.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from broker import settings, telemetry
from broker.errors import QueueUnavailable
from broker.transport import payloads, queues, sqs
from broker.transport.payloads import WakeUp

MIN_INTERVAL = 0.05  # seconds between two wake-ups of a topic that one process sends
CLOCK_SKEW = 0.01  # seconds by which another computer's clock may be ahead
MAX_TOPICS = 10_000
SEND_SECONDS = 0.5  # for which a request waits for SQS
REST_SECONDS = 5  # for which SQS is left alone after it failed
MAX_UNSENT = 100  # wake-ups to send later; one sweep replaces more

settings.check_queues("DISPATCH_QUEUE_URL")


_next_looks: dict[str, float] = {}  # when Dispatch looks at a topic, by the last wake-up sent for it
_unsent: dict[str | None, WakeUp] = {}  # the wake-ups to send, by topic


class _Rest:
    until = 0.0  # wall-clock time, as all here: the monotonic clock may have stood still while this process was frozen


def notify(topic: str | None) -> None:
    """Say that something of `topic` was committed; with None, only send what earlier requests could not send.

    Many calls in a short time send few wake-ups. Raises nothing.
    """
    try:
        if topic is not None:
            _add(topic)
        if _unsent:
            _send()
        if topic is not None:
            run_without_queues()
    except Exception as error:  # noqa: BLE001  what was committed stays so, whatever went wrong after it
        telemetry.log_failure(error, "notifier", "")


def sweep() -> None:
    """Have Dispatch look at all topics, whatever was lost. Raises NotSent."""
    queues.dispatch().send([payloads.encode_wake_up(payloads.SWEEP)])
    run_without_queues()


def send_test(webhook_id: str) -> None:
    """Have Dispatch send a test. Raises QueueUnavailable: nothing else remembers it."""
    try:
        queues.dispatch(SEND_SECONDS).send([payloads.encode_test(webhook_id)])
    except sqs.NotSent as error:
        raise QueueUnavailable from error.__cause__
    run_without_queues()


def run_without_queues() -> None:
    """Without queues, run the push loop in this process until nothing is due or the time is up; else do nothing."""
    if settings.current().dispatch_queue_url is None:
        from broker import in_process  # noqa: PLC0415  it has the database and the internet

        in_process.run()


def forget() -> None:
    """Forget which wake-ups were sent, and which were not: the next notification of each topic sends one at once."""
    _next_looks.clear()
    _unsent.clear()
    _Rest.until = 0.0


def _add(topic: str) -> None:
    """Add a wake-up to those to send, unless one that was sent arrives after what was committed."""
    now = time.time()
    if len(_next_looks) > MAX_TOPICS:
        _next_looks.clear()
    next_look = _next_looks.get(topic, 0.0)
    if CLOCK_SKEW < next_look - now < 2 * MIN_INTERVAL:  # still ahead; if it is further, the clock was set back
        return
    soon = abs(now - next_look) < MIN_INTERVAL
    _unsent[topic] = WakeUp(topic, datetime.fromtimestamp(next_look + MIN_INTERVAL, UTC) if soon else None)
    if len(_unsent) > MAX_UNSENT:
        _unsent.clear()
        _unsent[None] = payloads.SWEEP


def _send() -> None:
    """Send the wake-ups, unless SQS failed a moment ago. Raises NotSent; those not sent stay."""
    now = time.time()
    if 0 < _Rest.until - now <= REST_SECONDS:  # if it is further, the clock was set back
        return
    topics = list(_unsent)
    try:
        queues.dispatch(SEND_SECONDS).send([payloads.encode_wake_up(wake_up) for wake_up in _unsent.values()])
    except sqs.NotSent as error:
        _Rest.until = time.time() + REST_SECONDS
        _note([topic for position, topic in enumerate(topics) if position not in error.left], now)
        raise
    _note(topics, now)


def _note(topics: Iterable[str | None], now: float) -> None:
    """Note that the wake-ups of these topics were sent."""
    for topic in topics:
        look = _unsent.pop(topic).not_before
        if topic is not None:
            _next_looks[topic] = look.timestamp() if look else now
