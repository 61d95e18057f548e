"""The leases that a consumer holds, and how they end: many in one request."""

import asyncio
import logging
from typing import Any, Protocol, TypeVar

from pgbroker import verbs
from pgbroker.errors import BrokerError
from pgbroker.request import Request
from pgbroker.types import Extend, LeasedMessage, Reject, Release

Result = TypeVar("Result")
Settle = Release | Reject | str

LINGER_SECONDS = 0.02
ENOUGH = 100
MAX_RECEIPTS = 1_000  # in a request

log = logging.getLogger("pgbroker")


class Sender(Protocol):
    """What sends requests: an AsyncBroker."""

    async def send(self, request: Request[Result], *, deadline_seconds: float | None = None) -> Result: ...


class Settling:
    """Gathers what is to be settled, and sends it when nothing is at work, when 100 wait, or 20 ms after the first.

    When the broker cannot be reached until the deadline of the request, the leases end by themselves, and the messages
    come again.
    """

    def __init__(self, broker: Sender, topic: str, lease_seconds: int) -> None:
        self._broker = broker
        self._topic = topic
        self._lease_seconds = lease_seconds
        self._held: set[str] = set()  # receipts
        self._ended: list[Settle] = []
        self._timer: asyncio.TimerHandle | None = None
        self._sender: asyncio.Task[None] | None = None

    def hold(self, message: LeasedMessage[Any]) -> None:
        """Extend the lease of a message from now on, until it is settled."""
        self._held.add(verbs.receipt(message))

    def ack(self, message: LeasedMessage[Any]) -> None:
        receipt = verbs.receipt(message)
        self._end(receipt, receipt)

    def release(self, message: LeasedMessage[Any], delay_seconds: int) -> None:
        receipt = verbs.receipt(message)
        self._end(receipt, Release(receipt, delay_seconds))

    def reject(self, message: LeasedMessage[Any], reason: str | None) -> None:
        receipt = verbs.receipt(message)
        self._end(receipt, Reject(receipt, reason))

    def hurry(self) -> None:
        """Send what waits now."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._ended and self._sender is None:
            self._sender = asyncio.create_task(self._send())

    async def keep_extending(self) -> None:
        """Extend all leases that are held, each time half of their length has passed."""
        while True:
            await asyncio.sleep(self._lease_seconds / 2)
            receipts = list(self._held)
            for first in range(0, len(receipts), MAX_RECEIPTS):
                part = [Extend(each, self._lease_seconds) for each in receipts[first : first + MAX_RECEIPTS]]
                await self._settle(extend=part)

    async def finish(self) -> None:
        """Send all that waits, and wait until it is sent."""
        while self._ended or self._sender:
            self.hurry()
            if self._sender:
                await self._sender

    def _end(self, receipt: str, settle: Settle) -> None:
        self._held.discard(receipt)
        self._ended.append(settle)
        if len(self._ended) >= ENOUGH:
            self.hurry()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self.hurry)

    async def _send(self) -> None:
        try:
            while self._ended:
                ended, self._ended = self._ended[:MAX_RECEIPTS], self._ended[MAX_RECEIPTS:]
                await self._settle(
                    ack=[each for each in ended if isinstance(each, str)],
                    release=[each for each in ended if isinstance(each, Release)],
                    reject=[each for each in ended if isinstance(each, Reject)],
                )
        finally:
            self._sender = None

    async def _settle(self, **leases: Any) -> None:
        try:
            settled = await self._broker.send(verbs.settle(self._topic, **leases))
        except BrokerError as error:
            log.warning("could not settle leases of %s, whose messages may come again: %s", self._topic, error)
            return
        for receipt in settled.stale:
            self._held.discard(receipt)
            log.warning("the lease %s of %s had ended, and another consumer has the message", receipt, self._topic)
