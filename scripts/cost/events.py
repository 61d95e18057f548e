"""What the counted runner notes."""

import msgspec


class Invocation(msgspec.Struct, tag=True):
    """A function ran. The times are in seconds; `cpu` and `delay` are what its process had used when it began."""

    function: str
    worker: int  # its process
    bytes: int  # of its event
    duration: float
    cpu: float
    delay: float  # waited for a core of this machine


class Sent(msgspec.Struct, tag=True):
    """A request to SQS sent messages."""

    queue: str
    bytes: int


Event = Invocation | Sent
