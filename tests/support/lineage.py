"""The push loop on AWS with the rule for recursive loops, in this process and with a clock that jumps.

Each message carries its chain: how often each function has run on the way to it. A batch takes the most of its
messages. What would invoke a function for the 17th time in one chain is dropped, unless the function allows it.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

import psycopg

from broker.transport import payloads
from tests.support import sqs

MAX_RUNS = 16  # of a function in one chain
BATCH_SIZE = 10

PASS = """
UPDATE cursors SET due_at = due_at - %(time)s, redelivery_due_at = redelivery_due_at - %(time)s;
UPDATE topic_states SET next_due_at = next_due_at - %(time)s;
UPDATE deliveries SET ends_at = ends_at - %(time)s;
UPDATE wake_up SET pending = ARRAY(SELECT t - %(time)s FROM unnest(pending) t);
"""


@dataclass
class Message:
    body: str
    visible_at: datetime
    chain: Counter[str]

    def age(self, time: timedelta) -> None:
        """Let time pass: every moment that the message knows is so much earlier."""
        self.visible_at -= time
        content = json.loads(self.body)
        if not_before := content.get("wake_up", {}).get("not_before"):
            content["wake_up"]["not_before"] = (datetime.fromisoformat(not_before) - time).isoformat()
            self.body = json.dumps(content)


@dataclass
class Queue:
    """What the functions take for a queue: see broker.transport.queues.Queue."""

    loop: "Loop"
    messages: list[Message] = field(default_factory=list)

    def send(self, bodies: Sequence[str], delay: timedelta = timedelta()) -> None:
        visible_at = datetime.now(UTC) + delay
        self.messages += [Message(body, visible_at, self.loop.chain) for body in bodies]

    def receive(self) -> list[Message]:
        now = datetime.now(UTC)
        received = [message for message in self.messages if message.visible_at <= now][:BATCH_SIZE]
        self.messages = [message for message in self.messages if message not in received]
        return received


class Loop:
    """The two queues, and their functions. `recursive`: those that AWS lets run in a loop."""

    def __init__(self, owner: psycopg.Connection[Any], recursive: Collection[str]) -> None:
        self.dispatch, self.delivery = Queue(self), Queue(self)
        self.chain: Counter[str] = Counter()  # of the invocation that runs now
        self.longest: Counter[str] = Counter()  # most runs of each function in one chain
        self.dropped = 0  # messages
        self.posted_at: list[datetime] = []  # by the clock that jumps: when Deliver ran
        self._owner = owner
        self._recursive = recursive
        self._passed = timedelta()

    def push(self, topic: str) -> None:
        """Send a wake-up for a topic, and invoke the functions until the queues are empty."""
        self.chain = Counter()
        self.dispatch.send([payloads.encode_wake_up(payloads.WakeUp(topic))])
        while self.dispatch.messages or self.delivery.messages:
            if received := self.dispatch.receive():
                self._invoke("Dispatch", received)
            elif received := self.delivery.receive():
                self.posted_at.append(datetime.now(UTC) + self._passed)
                self._invoke("Deliver", received)
            else:
                self._wait()

    def _invoke(self, function: str, messages: Sequence[Message]) -> None:
        chain: Counter[str] = reduce(or_, (message.chain for message in messages))
        if chain[function] >= MAX_RUNS and function not in self._recursive:
            self.dropped += len(messages)
            return
        self.chain = chain + Counter([function])
        self.longest |= self.chain
        failed = sqs.invoke(function.lower(), [sqs.record(message.body) for message in messages])
        assert failed == []

    def _wait(self) -> None:
        """Let the time pass until the next message is visible."""
        messages = [*self.dispatch.messages, *self.delivery.messages]
        time = min(message.visible_at for message in messages) - datetime.now(UTC)
        if time > timedelta():
            self._passed += time
            for message in messages:
                message.age(time)
            psycopg.ClientCursor(self._owner).execute(PASS, {"time": time})
