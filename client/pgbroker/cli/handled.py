"""Messages that a command of the user handles, one by one."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from types import TracebackType
from typing import Self

from pgbroker.broker import Broker
from pgbroker.cli.batches import Message, Take
from pgbroker.cli.session import Session
from pgbroker.types import Extend, Reject, Release

REJECTED = 65  # EX_DATAERR of sysexits.h: the input is wrong, and another try does not help


class Handled:
    """Runs a shell command for each message, and settles it by the exit code: 0 ack, 65 reject, every other release.

    `failed` says whether a message was not acknowledged.
    """

    failed = False

    def __init__(self, session: Session, broker: Broker, take: Take, program: str, delay_seconds: int) -> None:
        self._session = session
        self._broker = broker
        self._topic = take.topic
        self._lease_seconds = take.lease_seconds or 1
        self._program = program
        self._delay_seconds = delay_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def take(self, messages: list[Message]) -> None:
        """Handle messages."""
        for message in messages:
            self._settle(message, self._run(message))

    def _run(self, message: Message) -> int:
        """Return the exit code of the command. The lease is extended while it runs."""
        with subprocess.Popen(  # noqa: S602  the command is the user's own
            self._program,
            shell=True,
            stdin=subprocess.PIPE,
            env={**os.environ, **self._environment(message)},
            process_group=0,  # Ctrl-C reaches only this process, which lets it finish
        ) as process:
            content: bytes | None = bytes(message.content)
            while True:
                try:
                    process.communicate(content, timeout=self._lease_seconds / 2)
                except subprocess.TimeoutExpired:
                    content = None
                    self._extend(message)
                except BaseException:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGTERM)
                    self._broker.settle(self._topic, release=[message])
                    raise
                else:
                    return process.returncode

    def _extend(self, message: Message) -> None:
        receipt = message.receipt or ""
        if self._broker.settle(self._topic, extend=[Extend(receipt, self._lease_seconds)]).stale:
            self._session.note(f"{message.id}: another consumer has it now, although the command still runs")

    def _settle(self, message: Message, code: int) -> None:
        receipt = message.receipt or ""
        if code == 0:
            settled = self._broker.settle(self._topic, ack=[message])
        elif code == REJECTED:
            self.failed = True
            settled = self._broker.settle(
                self._topic, reject=[Reject(receipt, f"the command of consume --exec exited with {code}")]
            )
            self._session.note(f"{message.id}: the command exited with {code}; it is a dead letter now")
        else:
            self.failed = True
            settled = self._broker.settle(self._topic, release=[Release(receipt, self._delay_seconds)])
            self._session.note(
                f"{message.id}: the command exited with {code}; it is ready again in {self._delay_seconds} s"
            )
        if settled.stale:
            self.failed = True
            self._session.note(f"{message.id}: its receipt is stale, another consumer has leased it since")

    def _environment(self, message: Message) -> dict[str, str]:
        return {
            "PGBROKER_TOPIC": self._topic,
            "PGBROKER_ID": message.id,
            "PGBROKER_RECEIPT": message.receipt or "",
            "PGBROKER_KEY": message.key or "",
            "PGBROKER_SENDER": message.sender,
            "PGBROKER_ATTRIBUTES": json.dumps(message.attributes or {}),
            "PGBROKER_CREATED_AT": message.created_at.isoformat(),
            "PGBROKER_RECEIVES": str(message.receives),
        }
