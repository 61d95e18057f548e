"""The two SQS queues of template.yaml, on this machine: functions send to them, and they invoke functions.

    publish ──▶ endpoint ──▶ DispatchQueue ──▶ event source ──▶ dispatch
                                ▲                                  │
                                └── deliver ◀── DeliveryQueue ◀────┘

A function sends a message to an HTTP endpoint (endpoint.py), as it does to SQS. The message waits in this
process's memory (queue.py). An event source takes a batch of waiting messages, and invokes the function that the
template names for this queue. Messages that the function does not complete are shown again after the queue's
visibility time-out.

So the code of the functions, and the way of a webhook through both queues, are the same as on AWS. One thing differs:
SQS stores its messages, and this memory is lost when the runner ends. The database still knows what is due, so each
start sends Dispatch a sweep.
"""

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

from local.functions.pool import Invoke
from local.functions.process import ACCESS_KEY
from local.gateway.app import Server
from local.queues import endpoint
from local.queues.queue import ACCOUNT, EventSource, Queue
from local.template.template import Template


def listen() -> socket.socket:
    """Listen on a free port of loopback, for the endpoint."""
    return socket.create_server(("127.0.0.1", 0))


def base_url(listener: socket.socket) -> str:
    """Return the URL of the queues behind this port: a queue's own URL is this and its name."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}/{ACCOUNT}/"


class QueueLoop:
    """The queues, their endpoint and their event sources. Make it in the event loop.

    Functions can send messages at once. The messages wait until the coroutines of `tasks` run.
    """

    def __init__(self, broker: Template, listener: socket.socket, invoke: Invoke) -> None:
        self._queues = {name: Queue(definition) for name, definition in broker.queues.items()}
        for definition in broker.queues.values():
            if definition.last_resort:
                self._queues[definition.name].last_resort = self._queues[definition.last_resort]
        self._sources = [EventSource(source, self._queues[source.queue.name], invoke) for source in broker.sources]
        server = Server(endpoint.Endpoint(self._queues, ACCESS_KEY))
        self._endpoint = asyncio.create_task(server.serve(sockets=[listener]))
        for source in broker.sources:
            if source.function.name == "Dispatch":
                # the last run's queues are lost, but the database still knows what is due
                self._queues[source.queue.name].send('{"wake_up": {"sweep": true}}')

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """Return the coroutines to run until the runner ends: the endpoint, and each event source."""
        return [self._await_endpoint(), *(source.run() for source in self._sources)]

    def close(self) -> None:
        """Close the endpoint. Messages that still wait are lost."""
        self._endpoint.cancel()

    async def _await_endpoint(self) -> None:
        await self._endpoint
