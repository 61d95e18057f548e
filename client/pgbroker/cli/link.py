"""A connection to the broker for hours: it says when it breaks and when it works again."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from pgbroker.async_broker import AsyncBroker
from pgbroker.cli.passing import passes, pause
from pgbroker.errors import BrokerError
from pgbroker.request import Request
from pgbroker.stopping import finish, rest

Result = TypeVar("Result")
STOP_SECONDS = 10.0  # that a request under way has to end


class Stopped(Exception):
    """An end is asked for, and the broker cannot serve the request now."""


class Link:
    """Sends requests until they succeed, or the end that `stop` asks for.

    `connected` is said after the first success. `seconds` is how long the broker may not be reached.
    """

    def __init__(
        self, broker: AsyncBroker, note: Callable[[str], None], stop: asyncio.Event, connected: str, seconds: float
    ) -> None:
        self._broker = broker
        self._note = note
        self._stop = stop
        self._connected = connected
        self._seconds = seconds
        self._was_up = False
        self._down_since: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether the last request succeeded."""
        return self._was_up and self._down_since is None

    async def send(self, request: Request[Result]) -> Result:
        """Send a request until it succeeds. Raises what the broker refuses for good, and Stopped."""
        failures = 0
        while True:
            try:
                result = await self._once(request)
            except BrokerError as error:
                if not passes(error, connected=self._was_up) or self._is_over():
                    raise
                failures += 1
                self._lost(error)
                if self._stop.is_set():
                    raise Stopped from error
                await self.rest(pause(error, failures))
            else:
                self._works()
                return result

    async def rest(self, seconds: float) -> None:
        """Do nothing for a time, or until the end is asked for."""
        await rest(self._stop, seconds)

    async def _once(self, request: Request[Result]) -> Result:
        """Send a request once. An end waits for it, but not for long."""
        try:
            return await finish(self._broker.send(request, deadline_seconds=0), self._stop, STOP_SECONDS)
        except TimeoutError:
            raise Stopped from None

    def _works(self) -> None:
        if not self._was_up:
            self._note(self._connected)
        elif self._down_since is not None:
            self._note("Connected again.")
        self._was_up, self._down_since = True, None

    def _lost(self, error: BrokerError) -> None:
        if self._down_since is None:
            self._down_since = time.monotonic()
            self._note(
                f"{'Disconnected' if self._was_up else 'Not connected'}: {str(error).rstrip('.')}. Trying again."
            )

    def _is_over(self) -> bool:
        return self._down_since is not None and time.monotonic() - self._down_since > self._seconds
