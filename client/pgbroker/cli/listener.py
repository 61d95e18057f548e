"""One topic of `listen`: lease messages, post them, and settle them by the response."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from sys import maxsize
from typing import Any

from pgbroker import verbs
from pgbroker.cli import outcomes, pushes
from pgbroker.cli.endpoint import Endpoint, Response
from pgbroker.cli.events import Event
from pgbroker.cli.link import Link, Stopped
from pgbroker.cli.outcomes import Outcome
from pgbroker.cli.pushes import Push, QueuedMessage, Subscription
from pgbroker.errors import BrokerError, NotFound
from pgbroker.types import Extend, Reject, Release, Settled
from pgbroker.webhooks import sign

LEASE_SECONDS = 30  # so soon others get the messages when this computer fails
BEAT_SECONDS = 10  # between two extensions
MISSING_SECONDS = 1  # until it looks again whether the topic exists
WAIT_SECONDS = 2  # of a poll, for which an end has to wait
MAX_ANSWER = 1024  # bytes of a response that are shown
MAX_REASON = 1000  # characters of a dead letter's


class Listener:
    """Sends a topic's messages to an endpoint until the end that `stop` asks for, or `maximum` were sent.

    `failed` says whether one was not delivered. `gone`: the endpoint wants nothing more.
    """

    failed = False
    gone = False

    def __init__(
        self,
        link: Link,
        endpoint: Endpoint,
        topic: str,
        secrets: Sequence[str],
        *,
        batch_size: int,
        maximum: int | None,
        stop: asyncio.Event,
        show: Callable[[Event], None],
        note: Callable[[str], None],
    ) -> None:
        self._link = link
        self._endpoint = endpoint
        self._subscription = Subscription(topic)
        self._topic = topic
        self._secrets = secrets
        self._batch_size = batch_size
        self._left = maxsize if maximum is None else maximum
        self._stop = stop
        self._show = show
        self._note = note
        self._held: dict[str, QueuedMessage] = {}  # by receipt
        self._is_missing = False  # the topic
        self._outages = 0  # webhooks in a row that have to be sent again

    async def run(self) -> None:
        """Send until the end. Raises what the broker refuses for good."""
        with suppress(Stopped):
            while self._left and not self._stop.is_set():
                await self._wait_for_endpoint()
                messages = await self._lease()
                self._left -= len(messages)
                await self._send(messages)

    async def _wait_for_endpoint(self) -> None:
        waiting = asyncio.create_task(self._endpoint.wait_until_open(self._note))
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if waiting.done():
            waiting.result()
        waiting.cancel()

    async def _lease(self) -> list[QueuedMessage]:
        if self._stop.is_set():
            return []
        wait = WAIT_SECONDS if self._link.is_up else 0  # to know soon whether it is connected
        room = min(self._batch_size, self._left)
        asked = pushes.lease(self._topic, maximum=room, lease_seconds=LEASE_SECONDS, wait_seconds=wait)
        try:
            return (await self._link.send(asked)).messages
        except NotFound as error:
            if not self._is_missing:
                self._note(f"{error} yet: waiting for it")
            self._is_missing = True
            await self._link.rest(MISSING_SECONDS)
            return []

    async def _send(self, messages: list[QueuedMessage]) -> None:
        """Post leased messages; release what is not posted: an end is asked for, or one of a batch is lost."""
        self._held = {message.receipt: message for message in messages}
        beating = asyncio.create_task(self._beat())
        try:
            for push in self._subscription.pushes(messages):
                if self._stop.is_set():
                    break
                if all(message.receipt in self._held for message in push.messages):
                    await self._post(push)
            await self._release_all()
        except BrokenPipeError:  # the reader of what it prints has what it needs
            await self._release_all()
            raise
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        """Extend the leases that are held. What the broker refuses is refused to the next settle too."""
        with suppress(BrokerError, Stopped):
            while True:
                await asyncio.sleep(BEAT_SECONDS)
                if self._held:
                    await self._settle(extend=[Extend(receipt, LEASE_SECONDS) for receipt in self._held])

    async def _post(self, push: Push) -> None:
        at = datetime.now(UTC)
        headers = {"content-type": "application/json", **sign(push.body, push.webhook_id, at, self._secrets)}
        response = await self._endpoint.post(headers, push.body)
        outcome = outcomes.judge(push, response, self._outages)
        again = await self._act(push, response, outcome)
        self._show(_event(self._topic, at, push, response, outcome, again))
        self._outages = self._outages + 1 if outcome.result == "retry" else 0
        if outcome.pause > LEASE_SECONDS:
            await self._release_all(outcome.pause)
        if outcome.pause:
            await self._link.rest(outcome.pause)

    async def _act(self, push: Push, response: Response, outcome: Outcome) -> list[Release]:
        """Settle the messages of a webhook; return those that come again."""
        messages = [self._held.pop(each.receipt) for each in push.messages if each.receipt in self._held]
        dead = messages if outcome.result == "dead" else []
        delivered: list[QueuedMessage] = []
        others: list[QueuedMessage] = []
        for each in [] if dead else messages:
            is_delivered = outcome.result == "delivered" and each.id not in outcome.failed
            (delivered if is_delivered else others).append(each)
        again = [Release(each.receipt, outcome.wait(each)) for each in others]
        self._subscription.forget(each.id for each in (*delivered, *dead))
        if outcome.result in {"delivered", "refused"}:
            self._subscription.send_alone(each.id for each in others)
        if outcome.result == "disable":
            self.gone = True
            self._stop.set()
        self.failed = self.failed or bool(again or dead)
        await self._settle(
            ack=[each.receipt for each in delivered],
            release=again,
            reject=[Reject(each.receipt, _reason(response)) for each in dead],
        )
        return again

    async def _release_all(self, seconds: int = 0) -> None:
        """Release what is leased and was not posted."""
        held, self._held = list(self._held), {}
        if held:
            await self._settle(release=[Release(receipt, seconds) for receipt in held])

    async def _settle(self, **leases: Any) -> None:
        try:
            settled: Settled = await self._link.send(verbs.settle(self._topic, **leases))
        except Stopped:
            self._note(f"{self._topic}: leases could not be settled; their messages come again when these end")
            raise
        for receipt in settled.stale:
            self._held.pop(receipt, None)
        if settled.stale:
            self.failed = True
            ids = ", ".join(receipt.partition(".")[0] for receipt in settled.stale)
            self._note(f"{self._topic}: leases ended before they were settled, and other consumers have {ids}")


def _event(topic: str, at: datetime, push: Push, response: Response, outcome: Outcome, again: list[Release]) -> Event:
    return Event(
        at=at,
        topic=topic,
        webhook_id=push.webhook_id,
        messages=[message.id for message in push.messages],
        status=response.status,
        duration_ms=response.duration_ms,
        result=outcome.result,
        failed=sorted(outcome.failed),
        again_seconds=min((each.delay_seconds for each in again), default=None),
        reason=response.reason,
        answer=_text(response) or None,
    )


def _reason(response: Response) -> str:
    text = _text(response).replace("\0", "\ufffd")
    return f"the endpoint asked to abort{': ' if text else ''}{text}"[:MAX_REASON]


def _text(response: Response) -> str:
    return response.body[:MAX_ANSWER].decode(errors="replace").strip()
