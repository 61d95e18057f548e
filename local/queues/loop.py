"""The template's queues at work: an endpoint to send to, and the functions that are given what was sent."""

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

from local.functions.pool import Invoke
from local.functions.process import ACCESS_KEY
from local.gateway.app import Server
from local.queues import endpoint
from local.queues.queue import ACCOUNT, Queue, Source
from local.template.template import Template


def queues_listener() -> socket.socket:
    """Listen on a free port of loopback."""
    return socket.create_server(("127.0.0.1", 0))


def queues_at(listener: socket.socket) -> str:
    """Return what the URLs of the queues begin with."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}/{ACCOUNT}/"


class Loop:
    """Make it in the event loop. Messages can be sent at once, and are given to functions by `chores`."""

    def __init__(self, broker: Template, listener: socket.socket, invoke: Invoke) -> None:
        self._queues = {name: Queue(shape) for name, shape in broker.queues.items()}
        self._sources = [Source(shape, self._queues[shape.queue.name], invoke) for shape in broker.sources]
        server = Server(endpoint.Endpoint(self._queues, ACCESS_KEY))
        self._endpoint = asyncio.create_task(server.serve(sockets=[listener]))
        for shape in broker.sources:
            if shape.function.name == "Dispatch":
                # what was owed when the last run ended goes on: what its queues held went with it
                self._queues[shape.queue.name].send('{"wake_up": {"sweep": true}}')

    def chores(self) -> list[Coroutine[Any, Any, None]]:
        """What is to run for ever."""
        return [self._until_the_endpoint_ends(), *(source.run() for source in self._sources)]

    def close(self) -> None:
        self._endpoint.cancel()

    async def _until_the_endpoint_ends(self) -> None:
        await self._endpoint
