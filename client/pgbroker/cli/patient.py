"""A broker that says on standard error why nothing happens."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx2

from pgbroker.broker import Broker
from pgbroker.connection import DEADLINE_SECONDS
from pgbroker.errors import BrokerError
from pgbroker.request import Request
from pgbroker.retries import Tries

Result = TypeVar("Result")
CONNECT_SECONDS = 10.0  # of trying to connect: a database that wakes up takes longer, an address that is wrong does not


class PatientBroker(Broker):
    """A broker that says it once when a request has to be tried again.

    Without `deadline_seconds` it tries for a minute, but no longer than 10 seconds to connect.
    """

    def __init__(
        self, url: str | None, token: str, deadline_seconds: float | None, note: Callable[[str], None], **http: Any
    ) -> None:
        super().__init__(url, token, deadline_seconds=deadline_seconds or DEADLINE_SECONDS, **http)
        self._connect_seconds = deadline_seconds or CONNECT_SECONDS
        self._note = note

    def send(self, request: Request[Result]) -> Result:
        tries, connecting = Tries(self._deadline_seconds), Tries(self._connect_seconds)
        noted = False
        while True:
            try:
                return self._try(request, tries.seconds_left)
            except BrokerError as error:
                pause = (connecting if isinstance(error.__cause__, httpx2.ConnectError) else tries).pause(error)
                if not noted:
                    self._note(f"{error}. Trying again.")
                    noted = True
                time.sleep(pause)
