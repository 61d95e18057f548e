"""The runner's side of a worker process, which is one execution environment of a function."""

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from local.functions.worker import ANSWER, REQUEST
from local.template.template import Function

ACCESS_KEY = f"LOCAL{secrets.token_hex(16).upper()}"  # opens the queues of this run, and nothing at AWS


class FunctionError(Exception):
    """An invocation failed: the handler raised, its process ended, or it timed out."""

    def __init__(self, function: Function, error: Mapping[str, str]) -> None:
        super().__init__(f"{function.name}: {error['errorType']}: {error['errorMessage']}")
        self.trace = error.get("trace", "")


class Process(asyncio.Protocol):
    """A worker process. It runs one invocation at a time."""

    def __init__(self, function: Function, log: BinaryIO) -> None:
        self.function = function
        self.idle_since = 0.0
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.functions.worker", str(os.getpid()), *map(str, function.layers)],
                cwd=Path(__file__).parents[2],
                env=environment(function),
                stdin=theirs.fileno(),
                stdout=log,
                stderr=log,
                process_group=0,
            )
        self._socket = ours
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answer: asyncio.Future[bytes] | None = None

    async def invoke(self, event: bytes) -> bytes:
        """Run the function on an event, both in JSON. Raises FunctionError."""
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()  # before connecting: the connection may be lost at once
        if self._transport is None:
            await loop.create_connection(lambda: self, sock=self._socket)
        seconds = self.function.timeout_seconds
        deadline_ms = time.time_ns() // 1_000_000 + seconds * 1000
        timer = loop.call_later(seconds, self._fail, "Sandbox.Timedout", f"Task timed out after {seconds}.00 seconds")
        cast("asyncio.Transport", self._transport).write(
            REQUEST.pack(len(event), str(uuid.uuid4()).encode(), deadline_ms) + event
        )
        try:
            return await self._answer
        finally:
            timer.cancel()

    def end(self) -> None:
        """Kill the process, and wait the moment until it has ended."""
        self._process.kill()
        self._process.wait()
        if self._transport is not None:
            self._transport.abort()
        self._socket.close()

    @property
    def ended(self) -> bool:
        """Whether the process cannot answer any more. A process that is ending closes its connection first."""
        closed = self._transport is not None and self._transport.is_closing()
        return closed or self._process.poll() is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) < ANSWER.size:
            return
        length, succeeded = ANSWER.unpack_from(self._received)
        if len(self._received) < ANSWER.size + length:
            return
        body = bytes(self._received[ANSWER.size :])
        self._received.clear()
        if self._answer is None or self._answer.done():
            return
        if succeeded:
            self._answer.set_result(body)
        else:
            self._answer.set_exception(FunctionError(self.function, json.loads(body)))

    def connection_lost(self, _: Exception | None) -> None:
        self._fail("Runtime.ExitError", "the worker process ended during the invocation")

    def _fail(self, kind: str, message: str) -> None:
        if self._answer is not None and not self._answer.done():
            error = {"errorType": kind, "errorMessage": message}
            self._answer.set_exception(FunctionError(self.function, error))


def environment(function: Function) -> dict[str, str]:
    """Return a worker's environment: what Lambda sets, and from the runner's own only what an interpreter needs."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}
    return {
        **inherited,
        # never the user's own credentials: a mistake here must not reach AWS
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": str(function.folder),
        "TZ": ":UTC",
        "_HANDLER": function.handler,
        **function.environment,
    }
