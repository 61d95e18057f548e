"""A broker that says on standard error why nothing happens."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx2

from pgbroker.broker import Broker
from pgbroker.connection import DEADLINE_SECONDS, READ_SECONDS, timeout
from pgbroker.errors import BrokerError
from pgbroker.request import Request
from pgbroker.retries import Tries

Result = TypeVar("Result")
CONNECT_SECONDS = 10.0  # of trying to connect: a database that wakes up takes longer, an address that is wrong does not


class Ended(BaseException):
    """An end is asked for, and the broker cannot serve the request now."""


class PatientBroker(Broker):
    """A broker that says it once when a request has to be tried again.

    Without `deadline_seconds` it tries for a minute, but no longer than 10 seconds to connect. After `end` it tries
    nothing again: it raises Ended.
    """

    def __init__(
        self, url: str | None, token: str, deadline_seconds: float | None, note: Callable[[str], None], **http: Any
    ) -> None:
        super().__init__(url, token, deadline_seconds=deadline_seconds or DEADLINE_SECONDS, **http)
        self._connect_seconds = deadline_seconds or CONNECT_SECONDS
        if deadline_seconds is not None:
            self._http.timeout = timeout(min(deadline_seconds, READ_SECONDS))
        self._note = note
        self._is_ended = False
        self._is_waiting = False

    def end(self) -> None:
        """Give up what is to be tried again. For a handler of a signal, in the thread of the requests."""
        self._is_ended = True
        if self._is_waiting:
            raise Ended

    @property
    def is_waiting(self) -> bool:
        """Whether a request waits for its next try."""
        return self._is_waiting

    def send(self, request: Request[Result], *, deadline_seconds: float | None = None) -> Result:
        deadline = self._deadline_seconds if deadline_seconds is None else deadline_seconds
        tries, connecting = Tries(deadline), Tries(min(deadline, self._connect_seconds))
        noted = False
        while True:
            try:
                result = super().send(request, deadline_seconds=0)
            except BrokerError as error:
                pause = (connecting if isinstance(error.__cause__, httpx2.ConnectError) else tries).pause(error)
                if not noted:
                    self._note(f"{error}. Trying again.")
                    noted = True
                self._wait(pause)
            else:
                if noted:
                    self._note("The broker answers again.")
                return result

    def _wait(self, seconds: float) -> None:
        self._is_waiting = True
        if self._is_ended:
            raise Ended
        time.sleep(seconds)
        self._is_waiting = False
