"""SQS's queues in this process's memory, and the event sources that give their messages to functions."""

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
    first_taken_at: float = 0.0
    receives: int = 0
    timer: asyncio.TimerHandle | None = None  # shows it again

    @property
    def md5(self) -> str:
        return hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest()


class Queue:
    """Messages that wait; those under way or delayed are not among them until their time. For one event loop."""

    def __init__(self, shape: template.Queue) -> None:
        self.name = shape.name
        self._shape = shape
        self._visible: deque[Message] = deque()
        self._shown = asyncio.Event()

    def send(self, body: str, delay_seconds: float = 0) -> Message:
        message = Message(body)
        self._show_after(message, delay_seconds)
        return message

    async def take(self, most: int) -> list[Message]:
        """Wait until there is something, and hide it for the queue's visibility time-out."""
        while True:
            await self._shown.wait()
            self._forget_old()
            taken = [self._visible.popleft() for _ in range(min(most, len(self._visible)))]
            if not self._visible:
                self._shown.clear()
            if taken:
                break
        for message in taken:
            message.receives += 1
            message.first_taken_at = message.first_taken_at or time.time()
            self._show_after(message, self._shape.visibility_seconds)
        return taken

    def delete(self, message: Message) -> None:
        """Forget a message that was taken."""
        if message.timer is not None:
            message.timer.cancel()

    def give_back(self, message: Message) -> None:
        """Show a message that was taken at once."""
        self.delete(message)
        self._show(message)

    def _show_after(self, message: Message, seconds: float) -> None:
        if seconds <= 0:
            self._show(message)
        else:
            message.timer = asyncio.get_running_loop().call_later(seconds, self._show, message)

    def _show(self, message: Message) -> None:
        self._visible.append(message)
        self._shown.set()

    def _forget_old(self) -> None:
        oldest = time.time() - self._shape.retention_seconds
        while self._visible and self._visible[0].sent_at < oldest:
            self._visible.popleft()


class Source:
    """Gives a queue's messages to a function, as Lambda's event source mappings do."""

    def __init__(self, shape: template.Source, queue: Queue, invoke: Invoke) -> None:
        self._shape = shape
        self._queue = queue
        self._invoke = invoke
        self._slots = asyncio.Semaphore(shape.concurrency)

    async def run(self) -> None:
        """Take and give, for ever."""
        async with asyncio.TaskGroup() as invocations:
            while True:
                await self._slots.acquire()
                messages = await self._queue.take(self._shape.batch_size)
                invocations.create_task(self._give(messages)).add_done_callback(lambda _: self._slots.release())

    async def _give(self, messages: list[Message]) -> None:
        """Invoke the function. What it did not do stays hidden until the queue's visibility time-out is over."""
        event = json.dumps({"Records": [record(message, self._queue.name) for message in messages]}).encode()
        try:
            failed = self._failed(await self._invoke(self._shape.function, event))
        except FunctionError as error:
            print(f"{self._shape.name}: {error}", file=sys.stderr, flush=True)
            return
        except NoWorker:
            for message in messages:
                self._queue.give_back(message)
            return
        if failed <= {message.message_id for message in messages}:
            for message in messages:
                if message.message_id not in failed:
                    self._queue.delete(message)

    def _failed(self, answer: bytes) -> set[str | None]:
        """The messages that the function did not do; None among them stands for all, as what makes no sense does."""
        if not self._shape.reports_failures:
            return set()
        try:
            return {failure["itemIdentifier"] for failure in (json.loads(answer) or {}).get("batchItemFailures") or []}
        except (AttributeError, KeyError, TypeError, ValueError):
            return {None}


def record(message: Message, queue: str) -> dict[str, Any]:
    """Return a message as functions are given it."""
    return {
        "messageId": message.message_id,
        "receiptHandle": f"{message.message_id}.{message.receives}",
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.receives),
            "SentTimestamp": str(int(message.sent_at * 1000)),
            "SenderId": ACCOUNT,
            "ApproximateFirstReceiveTimestamp": str(int(message.first_taken_at * 1000)),
        },
        "messageAttributes": {},
        "md5OfBody": message.md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }
