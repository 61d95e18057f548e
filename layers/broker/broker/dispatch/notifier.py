"""Tell Dispatch that a topic may have work.

Losing a notification loses no message: the database records what is due, and the daily sweep finds it. A notification
that fails does not undo what it was sent for, so it is only logged. Without queues, the work is done at once, in this
process.
"""

import time
from datetime import UTC, datetime

from broker import settings, telemetry
from broker.transport import payloads, queues
from broker.transport.payloads import WakeUp

MIN_INTERVAL = 0.05  # seconds between two wake-ups of a topic that one process sends
CLOCK_SKEW = 0.01  # seconds by which another computer's clock may be ahead
MAX_TOPICS = 10_000

settings.check_queues("DISPATCH_QUEUE_URL")


_next_looks: dict[str, float] = {}  # when Dispatch looks at a topic, by the last wake-up sent for it


def notify(topic: str) -> None:
    """Say that something of `topic` was committed. Many calls in a short time send few wake-ups. Raises nothing."""
    try:
        _wake(topic)
        run_without_queues()
    except Exception as error:  # noqa: BLE001  what was committed stays so, whatever went wrong after it
        telemetry.log_failure(error, "notifier", "")


def sweep() -> None:
    """Have Dispatch look at all topics, whatever was lost. Raises NotSent."""
    queues.dispatch().send([payloads.encode_wake_up(payloads.SWEEP)])
    run_without_queues()


def run_without_queues() -> None:
    """Without queues, run the push loop in this process until nothing is due or the time is up; else do nothing."""
    if settings.current().dispatch_queue_url is None:
        from broker import in_process  # noqa: PLC0415  it has the database and the internet

        in_process.run()


def forget() -> None:
    """Forget which wake-ups were sent: the next notification of each topic sends one at once."""
    _next_looks.clear()


def _wake(topic: str) -> None:
    now = time.time()  # not the monotonic clock, which may have stood still while this process was frozen
    if len(_next_looks) > MAX_TOPICS:
        forget()
    next_look = _next_looks.get(topic, 0.0)
    if CLOCK_SKEW < next_look - now < 2 * MIN_INTERVAL:  # still ahead; if it is further, the clock was set back
        return
    soon = abs(now - next_look) < MIN_INTERVAL
    look = next_look + MIN_INTERVAL if soon else now
    wake_up = WakeUp(topic, datetime.fromtimestamp(look, UTC) if soon else None)
    queues.dispatch().send([payloads.encode_wake_up(wake_up)])
    _next_looks[topic] = look
