"""The program of a worker process: one function's execution environment, as Lambda's Python runtime is one.

Standard input is a socket on which requests come and answers go, one at a time. The process ends with it.
"""

import decimal
import importlib
import io
import json
import os
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from local.launch import end_with_parent

REQUEST = struct.Struct("!I36sQ")  # octets of the event that follows, request id, deadline in ms since 1970
ANSWER = struct.Struct("!I?")  # octets of the JSON that follows, whether it is the handler's answer or its error
MAX_ANSWER_BYTES = 6_291_556

Handler = Callable[[Any, "Context"], Any]


class Context:
    """What a handler is told besides its event, with the names of Lambda's context object."""

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, request_id: str, deadline_ms: int) -> None:
        self.aws_request_id = request_id
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        region = os.environ["AWS_REGION"]
        self.invoked_function_arn = f"arn:aws:lambda:{region}:000000000000:function:{self.function_name}"
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline_ms - time.time_ns() // 1_000_000)


class Log(io.FileIO):
    """Where the handler's lines go. One that cannot be written is lost, and fails nothing: the disk may be full."""

    def write(self, line: Any) -> int:
        try:
            return super().write(line)
        except OSError:
            return len(line)


class ResponseSizeTooLarge(Exception):
    """Response payload size exceeded maximum allowed payload size (6291556 bytes)."""


def answer(handler: Handler, event: bytes, context: Context) -> bytes:
    """Call the handler. The answer is in the very octets of Lambda's runtime, so that limits cut at the same place."""
    result = handler(json.loads(event), context)
    encoded = json.dumps(result, ensure_ascii=False, default=_number).encode()
    if len(encoded) > MAX_ANSWER_BYTES:
        raise ResponseSizeTooLarge(ResponseSizeTooLarge.__doc__)
    return encoded


def failure(error: BaseException) -> dict[str, str]:
    """Put the error in Lambda's words, with a trace that begins in the handler."""
    ours = error.__traceback__
    while ours is not None and ours.tb_frame.f_code.co_filename == __file__:
        ours = ours.tb_next
    trace = "".join(traceback.format_exception(type(error), error, ours))
    return {"errorType": type(error).__name__, "errorMessage": str(error), "trace": trace}


def load() -> Handler:
    module, _, name = os.environ["_HANDLER"].rpartition(".")
    handler: Handler = getattr(importlib.import_module(module), name)
    return handler


def _lines(descriptor: int) -> io.TextIOWrapper:
    log = io.BufferedWriter(Log(descriptor, "w", closefd=False))
    return io.TextIOWrapper(log, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _number(value: object) -> float:
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _broken(error: Exception) -> Handler:
    def handler(_event: Any, _context: Context) -> None:
        raise error

    return handler


def main(parent: int, layers: list[str]) -> None:
    channel = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = _lines(1), _lines(2)
    end_with_parent(signal.SIGKILL, parent)
    os.chdir(os.environ["LAMBDA_TASK_ROOT"])
    sys.path[:1] = [os.environ["LAMBDA_TASK_ROOT"], *layers]  # the first was the runner's own
    try:
        handler = load()
    except Exception as error:  # noqa: BLE001 (told to whoever invokes)
        handler = _broken(error)
    stream = channel.makefile("rb")
    while head := stream.read(REQUEST.size):
        length, request_id, deadline_ms = REQUEST.unpack(head)
        event = stream.read(length)
        try:
            good, body = True, answer(handler, event, Context(request_id.decode(), deadline_ms))
        except Exception as error:  # noqa: BLE001 (told to whoever invokes)
            good, body = False, json.dumps(failure(error)).encode()
        sys.stdout.flush()
        channel.sendall(ANSWER.pack(len(body), good) + body)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
