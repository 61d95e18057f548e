"""The program of a worker process: it runs one function, as an execution environment of Lambda does.

Its standard input is a socket. It reads a request from it, runs the handler and writes the answer, again and again, and
ends when the runner closes the socket.
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

REQUEST = struct.Struct("!I36sQ")  # bytes of the event that follows, request id, deadline in ms since 1970
ANSWER = struct.Struct("!I?")  # bytes of the JSON that follows; True: the handler's answer, False: its error
MAX_ANSWER_BYTES = 6_291_556

Handler = Callable[[Any, "Context"], Any]


def _variable(name: str) -> property:
    return property(lambda _: os.environ[name])


class Context:
    """The second argument of a handler, with the names of Lambda's context object."""

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, request_id: str, deadline_ms: int) -> None:
        self.aws_request_id = request_id
        self._deadline_ms = deadline_ms

    function_name = _variable("AWS_LAMBDA_FUNCTION_NAME")
    memory_limit_in_mb = _variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    log_group_name = _variable("AWS_LAMBDA_LOG_GROUP_NAME")
    log_stream_name = _variable("AWS_LAMBDA_LOG_STREAM_NAME")

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{os.environ['AWS_REGION']}:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline_ms - time.time_ns() // 1_000_000)


class Log(io.FileIO):
    """The log that handlers print to. When the disk is full, lines are lost, but no invocation fails."""

    def write(self, line: Any) -> int:
        try:
            return super().write(line)
        except OSError:
            return len(line)


class ResponseSizeTooLarge(Exception):
    """Response payload size exceeded maximum allowed payload size (6291556 bytes)."""


def call_handler(handler: Handler, event: bytes, context: Context) -> bytes:
    """Call the handler, and encode its answer byte for byte as Lambda's runtime does: so the same size is too large."""
    result = handler(_decode(event.decode()), context)
    encoded = _encode(result).encode()
    if len(encoded) > MAX_ANSWER_BYTES:
        raise ResponseSizeTooLarge(ResponseSizeTooLarge.__doc__)
    return encoded


def describe_error(error: BaseException) -> dict[str, str]:
    """Return the error with the names of Lambda, and with a trace that begins in the handler."""
    ours = error.__traceback__
    while ours is not None and ours.tb_frame.f_code.co_filename == __file__:
        ours = ours.tb_next
    trace = "".join(traceback.format_exception(type(error), error, ours))
    return {"errorType": type(error).__name__, "errorMessage": str(error), "trace": trace}


def load() -> Handler:
    """Import the handler that the environment names."""
    module, _, name = os.environ["_HANDLER"].rpartition(".")
    handler: Handler = getattr(importlib.import_module(module), name)
    return handler


def _open_log(descriptor: int) -> io.TextIOWrapper:
    log = io.BufferedWriter(Log(descriptor, "w", closefd=False))
    return io.TextIOWrapper(log, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _encode_decimal(value: object) -> float:
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_decode = json.JSONDecoder().decode
_encode = json.JSONEncoder(ensure_ascii=False, default=_encode_decimal).encode  # json.dumps would make one each time


def _always_raise(error: Exception) -> Handler:
    def handler(_event: Any, _context: Context) -> None:
        raise error

    return handler


def main(parent: int, layers: list[str]) -> None:
    """Serve invocations until the socket is closed, or the process `parent` ends."""
    channel = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = _open_log(1), _open_log(2)
    end_with_parent(signal.SIGKILL, parent)
    os.chdir(os.environ["LAMBDA_TASK_ROOT"])
    sys.path[:1] = [os.environ["LAMBDA_TASK_ROOT"], *layers]  # instead of the runner's own folder
    try:
        handler = load()
    except Exception as error:  # noqa: BLE001  each invocation reports it
        handler = _always_raise(error)
    stream = channel.makefile("rb")
    while head := stream.read(REQUEST.size):
        length, request_id, deadline_ms = REQUEST.unpack(head)
        event = stream.read(length)
        try:
            succeeded, body = True, call_handler(handler, event, Context(request_id.decode(), deadline_ms))
        except Exception as error:  # noqa: BLE001  each invocation reports it
            succeeded, body = False, json.dumps(describe_error(error)).encode()
        sys.stdout.flush()
        channel.sendall(ANSWER.pack(len(body), succeeded) + body)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
