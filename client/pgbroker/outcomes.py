"""What a handler raises to say what becomes of its message."""


class Retry(Exception):
    """Raised by a handler: not now. The message is ready again `after` seconds."""

    def __init__(self, after: int = 0) -> None:
        super().__init__(f"again after {after} s")
        self.after = after


class Reject(Exception):
    """Raised by a handler: never. The message becomes a dead letter, with the reason."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason or "rejected")
        self.reason = reason
