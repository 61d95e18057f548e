"""Push without queues, in the process that has something to push: what runs under `sam local`.

Nothing imports this where queue URLs are set. It needs the database and the internet, and no deployed function has
both.
"""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from broker import deadlines, settings
from broker.dispatch import planner
from broker.pubsub import broadcasts
from broker.transport.payloads import Job, Outcome
from broker.webhooks import outcomes, worker
from broker.webhooks.sender import SEND_SECONDS, Sender
from broker.webhooks.transfer import Response

LEASE_SECONDS = 60  # a batch without an outcome by then is planned again
CONCURRENCY, MAX_CONCURRENCY = 100, 500  # batches planned ahead: at first, and where the sender is faster
POLL = timedelta(milliseconds=1)  # how long to wait for responses before another look at the database
GATHER_SECONDS = 0.02  # responses that follow each other within this are recorded together


def push(topic: str | None = None) -> int:
    """Move and send what is due, of one topic or (None) of all; return how many batches were sent."""
    sent = 0
    while True:
        moved = broadcasts.move(None if topic is None else [topic]).messages
        sent_now = send_due(topic)
        sent += sent_now
        if not (moved or sent_now) or deadlines.left() < SEND_SECONDS:
            return sent


def send_due(topic: str | None = None) -> int:
    """Send until nothing is due, or the time is too short to begin another request; return how many batches were sent.

    Of one topic, or of all. Several may run at once: each batch is planned by one of them. While a second thread waits
    for the database, which records outcomes and plans the next batches, this one sends. `room` is how many may be
    planned and not yet answered: it doubles whenever the sender runs out before the database has more.
    """
    sent, room = 0, CONCURRENCY
    responses: list[tuple[Job, Response]] = []
    with (
        ThreadPoolExecutor(1) as beside,
        Sender[Job](allow_private=settings.current().allow_private_webhooks) as sender,
    ):
        leased = beside.submit(_record_and_lease, [], topic, room)
        while True:
            if not leased.done():
                if len(sender):
                    responses += sender.responses(POLL)
                    continue
                room = min(2 * room, MAX_CONCURRENCY)
            to_send = leased.result()
            if not responses:
                _post(sender, to_send)
                to_send, room = [], CONCURRENCY
                responses = sender.responses(timedelta(seconds=max(0.0, min(SEND_SECONDS, deadlines.left()))))
            if not responses:
                return sent
            _gather(sender, responses)
            judged = [outcomes.judge(job, response) for job, response in responses]
            leased = beside.submit(_record_and_lease, judged, topic, room - len(sender) - len(to_send))
            _post(sender, to_send)
            sent += len(responses)
            responses = []


def _gather(sender: Sender[Job], responses: list[tuple[Job, Response]]) -> None:
    """Add the responses that follow at once, up to half of what is under way: a call costs more than its rows."""
    until = time.monotonic() + GATHER_SECONDS
    while len(responses) < len(sender) and time.monotonic() < until and (more := sender.responses(POLL)):
        responses += more


def _post(sender: Sender[Job], leased: Iterable[planner.Unsigned]) -> None:
    for job in planner.sign(leased):
        sender.post(worker.request(job), job)


def _record_and_lease(judged: Sequence[Outcome], topic: str | None, limit: int) -> list[planner.Unsigned]:
    return planner.lease(topic, limit if deadlines.left() > SEND_SECONDS else 0, LEASE_SECONDS, judged)
