"""`--in-process`: call the handlers in the runner's own process, one at a time, so that breakpoints work in them."""

import asyncio
import importlib.util
import os
import sys
import time
import traceback
import uuid
from collections.abc import Iterable

from local.functions.process import FunctionError, environment
from local.functions.worker import Context, Handler, call_handler, describe_error
from local.template.template import Function


class InProcess:
    """Replaces the pool. All functions share one environment, and no invocation times out."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self._turn = asyncio.Lock()
        self._handlers: dict[str, Handler] = {}
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]  # the user's AWS profile, which no worker sees either
        for function in functions:
            os.environ |= function.environment
            for layer in map(str, function.layers):
                if layer not in sys.path:
                    sys.path.insert(0, layer)

    async def __call__(self, function: Function, event: bytes, *, may_wait: bool = False) -> bytes:  # noqa: ARG002  the parameter is part of Invoke
        async with self._turn:
            return await asyncio.to_thread(self._call, function, event)

    def warm(self, function: Function) -> None:
        """Do nothing: there is no process to start."""

    def close(self) -> None:
        """Do nothing: there is no process to end."""

    def _call(self, function: Function, event: bytes) -> bytes:
        os.environ |= environment(function)
        deadline_ms = time.time_ns() // 1_000_000 + function.timeout_seconds * 1000
        try:
            return call_handler(self._handler(function), event, Context(str(uuid.uuid4()), deadline_ms))
        except Exception as error:
            traceback.print_exc()
            raise FunctionError(function, describe_error(error)) from error

    def _handler(self, function: Function) -> Handler:
        if function.name not in self._handlers:
            module_name, _, handler_name = function.handler.rpartition(".")
            spec = importlib.util.spec_from_file_location(
                f"{function.name.lower()}_{module_name}", function.folder / f"{module_name}.py"
            )
            if spec is None or spec.loader is None:
                raise ImportError(function.handler)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            self._handlers[function.name] = getattr(module, handler_name)
        return self._handlers[function.name]
