"""Messages that are printed, and acknowledged after their lines are written."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from pgbroker.broker import Broker
from pgbroker.cli.batches import Message, Take
from pgbroker.cli.output import bare, one_line
from pgbroker.cli.session import Session


class Printed:
    """Prints messages, in a `with`; `acks`: and acknowledges them. `failed` says whether a receipt was stale.

    What is not written, because the reader of a pipe has ended, is released.
    """

    failed = False

    def __init__(self, session: Session, broker: Broker, take: Take, *, acks: bool, content: bool) -> None:
        self._session = session
        self._broker = broker
        self._take = take
        self._acks = acks
        self._content = content
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if not self._content:
            self._rows = self._stack.enter_context(self._session.out.rows("id", "receives", "key", "content"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def take(self, messages: list[Message]) -> None:
        """Print a batch."""
        written = 0
        try:
            for message in messages:
                self._write(message)
                written += self._content or self._rows.is_immediate
            if not self._content:
                self._rows.flush()
            written = len(messages)
        finally:
            self._settle(messages[:written], messages[written:])

    def _write(self, message: Message) -> None:
        if not self._content:
            self._rows.write(message)
        elif self._session.form == "raw":
            self._session.out.line(bare(message.content))
        else:
            self._session.out.line(one_line(bytes(message.content)))

    def _settle(self, written: list[Message], others: list[Message]) -> None:
        ack = written if self._acks else []
        if self._take.auto_ack or not (ack or others):
            return
        stale = self._broker.settle(self._take.topic, ack=ack, release=others).stale
        if stale:
            self.failed = True
            self._session.note(f"Stale receipts: {len(stale)}. Other consumers have leased these messages since.")
