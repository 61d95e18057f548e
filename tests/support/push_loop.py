"""The push loop in this process, over the pair of queues in memory."""

from broker import database, in_process
from broker.transport import payloads, queues


def push(topic: str | None = None) -> int:
    """Send a wake-up for a topic or (None) for all, and run the loop; return how many requests were sent."""
    before = _count_attempts()
    queues.dispatch_in_memory.send([payloads.encode_wake_up(payloads.WakeUp(topic))])
    in_process.run()
    return _count_attempts() - before


def _count_attempts() -> int:
    [row] = database.owner.call("SELECT count(*) AS attempts FROM broker.attempts", {}, dict)
    return int(row["attempts"])
