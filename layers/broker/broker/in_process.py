"""The push loop where there are no queues, as under `sam local`: in the process that has something to push.

Nothing imports this where queue URLs are set. It needs the database and the internet, and no deployed function has
both.
"""

from collections.abc import Callable, Sequence

from broker import deadlines
from broker.dispatch import dispatcher
from broker.transport import queues
from broker.transport.payloads import Record
from broker.webhooks import worker


def run() -> None:
    """Do what SQS and Lambda do: invoke Dispatch and Deliver in turns with the messages of the queues in memory.

    Ends when no message is visible, or the time is too short for another request. Delayed messages stay for the next
    call in this process. A message that a function did not complete is shown again after its visibility time-out.
    """
    while deadlines.allow(deadlines.DELIVER_SECONDS):
        if not (
            _invoke(dispatcher.handle_records, queues.dispatch_in_memory)
            or _invoke(worker.deliver, queues.delivery_in_memory)
        ):
            return


def _invoke(handle: Callable[[Sequence[Record]], list[str]], queue: queues.MemoryQueue) -> bool:
    """Let a function handle messages of its queue; return whether there were any."""
    records = queue.receive()
    if records:
        failed = handle(records)
        queue.delete([record["messageId"] for record in records if record["messageId"] not in failed])
    return bool(records)
