"""SQS queues in the memory of this process, and event sources, which invoke functions with their messages."""

import asyncio
import hashlib
import json
import sys
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from local.functions.pool import Invoke, NoWorker
from local.functions.process import FunctionError
from local.template import template

ACCOUNT, REGION = "000000000000", "us-east-1"


@dataclass(eq=False)
class Message:
    body: str
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    sent_at: float = field(default_factory=time.time)
    first_received_at: float = 0.0
    receives: int = 0
    timer: asyncio.TimerHandle | None = None  # it shows the message again

    @property
    def md5(self) -> str:
        return hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest()


class Queue:
    """One queue. A delayed message is hidden until its delay ends, a received one until its visibility time-out ends.

    A message that was received as often as it may be goes to `last_resort`. It belongs to one event loop.
    """

    def __init__(self, definition: template.Queue) -> None:
        self.name = definition.name
        self.last_resort: Queue | None = None
        self._definition = definition
        self._visible: deque[Message] = deque()
        self._has_visible = asyncio.Event()

    def send(self, body: str, delay_seconds: float = 0) -> Message:
        """Add a message, which is shown after the delay."""
        message = Message(body)
        self._show_after(message, delay_seconds)
        return message

    async def receive(self, most: int) -> list[Message]:
        """Wait for messages; return up to `most`, and hide them for the queue's visibility time-out."""
        while True:
            await self._has_visible.wait()
            self._drop_expired()
            received = [self._visible.popleft() for _ in range(min(most, len(self._visible)))]
            if not self._visible:
                self._has_visible.clear()
            if received:
                break
        for message in received:
            message.receives += 1
            message.first_received_at = message.first_received_at or time.time()
            self._show_after(message, self._definition.visibility_seconds)
        return received

    def delete(self, message: Message) -> None:
        """Delete a message that was received."""
        if message.timer is not None:
            message.timer.cancel()

    def release(self, message: Message) -> None:
        """Show a message that was received again, at once: it does not count as received."""
        message.receives -= 1
        self.delete(message)
        self._show(message)

    def _show_after(self, message: Message, seconds: float) -> None:
        if seconds <= 0:
            self._show(message)
        else:
            message.timer = asyncio.get_running_loop().call_later(seconds, self._show, message)

    def _show(self, message: Message) -> None:
        if self.last_resort is not None and message.receives >= self._definition.max_receives:
            print(f"{self.name}: a message failed {message.receives} times", file=sys.stderr, flush=True)
            self.last_resort.send(message.body)
            return
        self._visible.append(message)
        self._has_visible.set()

    def _drop_expired(self) -> None:
        oldest = time.time() - self._definition.retention_seconds
        while self._visible and self._visible[0].sent_at < oldest:
            self._visible.popleft()


class EventSource:
    """Invokes a function with the messages of a queue, as an event source mapping of Lambda does."""

    def __init__(self, definition: template.EventSource, queue: Queue, invoke: Invoke) -> None:
        self._definition = definition
        self._queue = queue
        self._invoke = invoke
        self._slots = asyncio.Semaphore(definition.concurrency)

    async def run(self) -> None:
        """Receive messages and invoke the function with them, for ever."""
        async with asyncio.TaskGroup() as invocations:
            while True:
                await self._slots.acquire()
                messages = await self._queue.receive(self._definition.batch_size)
                invocations.create_task(self._invoke_with(messages)).add_done_callback(lambda _: self._slots.release())

    async def _invoke_with(self, messages: list[Message]) -> None:
        """Invoke the function and delete the messages that it completed.

        The others stay hidden until the visibility time-out ends. Without a free worker they are shown at once.
        """
        event = json.dumps({"Records": [record(message, self._queue.name) for message in messages]}).encode()
        try:
            failed = self._failed_ids(await self._invoke(self._definition.function, event))
        except FunctionError as error:
            print(f"{self._definition.name}: {error}", file=sys.stderr, flush=True)
            return
        except NoWorker:
            for message in messages:
                self._queue.release(message)
            return
        if failed <= {message.message_id for message in messages}:
            for message in messages:
                if message.message_id not in failed:
                    self._queue.delete(message)

    def _failed_ids(self, answer: bytes) -> set[str | None]:
        """Return the ids of the messages that failed. An id that no message has means that all have failed.

        None is such an id, and the result for an answer that cannot be read.
        """
        if not self._definition.reports_failures:
            return set()
        try:
            return {failure["itemIdentifier"] for failure in (json.loads(answer) or {}).get("batchItemFailures") or []}
        except (AttributeError, KeyError, TypeError, ValueError):
            return {None}


def record(message: Message, queue: str) -> dict[str, Any]:
    """Return a message in the form in which Lambda gives it to a function."""
    return {
        "messageId": message.message_id,
        "receiptHandle": f"{message.message_id}.{message.receives}",
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.receives),
            "SentTimestamp": str(int(message.sent_at * 1000)),
            "SenderId": ACCOUNT,
            "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
        },
        "messageAttributes": {},
        "md5OfBody": message.md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }
