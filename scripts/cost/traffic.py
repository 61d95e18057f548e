"""What a message takes, as it was measured: the content of docs/explanation/cost.json."""

from pathlib import Path

import msgspec

FILE = Path(__file__).parents[2] / "docs" / "explanation" / "cost.json"


class Function(msgspec.Struct, frozen=True):
    """How often a function runs for each message, and the milliseconds of a run: on a core, and waiting."""

    runs: float
    cpu_ms: float
    wait_ms: float


class Traffic(msgspec.Struct, frozen=True):
    """What one message of such traffic takes, on the average."""

    load: str
    subscribers: int
    messages: int  # that were measured
    publish: Function
    dispatch: Function
    deliver: Function
    requests_to_dispatch: float  # to SQS, for DispatchQueue: to send, receive and delete
    requests_to_deliver: float
    log_bytes: float
    storage_bytes: float
    wal_bytes: float
    database_ms: float  # of CPU time

    @property
    def sqs_requests(self) -> float:
        """Return the requests to SQS, of both queues."""
        return self.requests_to_dispatch + self.requests_to_deliver


class Measured(msgspec.Struct, frozen=True):
    """All loads, and where they were measured. `idle_events`: invocations and requests in a minute without traffic."""

    machine: str
    idle_events: int
    traffic: list[Traffic]

    def find(self, load: str, subscribers: int) -> Traffic:
        """Return the traffic of a load. Raises LookupError."""
        for each in self.traffic:
            if (each.load, each.subscribers) == (load, subscribers):
                return each
        raise LookupError(load)


def read() -> Measured:
    """Read what was measured."""
    return msgspec.json.decode(FILE.read_bytes(), type=Measured)


def write(measured: Measured) -> None:
    """Write what was measured."""
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=1) + b"\n")
