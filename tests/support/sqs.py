"""SQS's two queues in moto, and what Lambda does with them."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from moto.sqs.models import sqs_backends

from broker.transport import payloads
from broker.webhooks import outcomes, transfer
from tests.support.client import Context, app

REGION, ACCOUNT = "us-east-1", "123456789012"


class Queue:
    def __init__(self, name: str) -> None:
        self._client = boto3.client("sqs", region_name=REGION)
        self._name = name
        self.url: str = self._client.create_queue(QueueName=name)["QueueUrl"]

    def sent(self) -> list[Any]:
        """What is in the queue, delayed or not, in the order in which it was sent."""
        return [json.loads(message.body) for message in self._messages()]

    def delays(self) -> list[int]:
        """The seconds for which each message was delayed."""
        return [max(0, round((each.delayed_until - each.sent_timestamp) / 1000)) for each in self._messages()]

    def take(self) -> list[dict[str, Any]]:
        """Take up to ten messages out, delayed or not: the records of an event."""
        taken = self._messages()[:10]
        for message in taken:
            self._backend()._messages.remove(message)
        return [record(message.body) for message in taken]

    def break_down(self) -> None:
        """Let nothing be sent from now on."""
        self._client.delete_queue(QueueUrl=self.url)

    def repair(self) -> None:
        self._client.create_queue(QueueName=self._name)

    def _backend(self) -> Any:
        return sqs_backends[ACCOUNT][REGION].queues[self._name]

    def _messages(self) -> list[Any]:
        return list(self._backend()._messages)


class Queues:
    """The loop's two queues, and its two functions."""

    def __init__(self) -> None:
        self.dispatch, self.delivery = Queue("Dispatch"), Queue("Delivery")

    def pending_wake_ups(self) -> list[datetime]:
        """The times of the wake-ups that are under way with one."""
        wakes = [sent["wake_up"] for sent in self.dispatch.sent() if "wake_up" in sent]
        return [datetime.fromisoformat(wake_up["not_before"]) for wake_up in wakes if "not_before" in wake_up]

    def run(self, rounds: int = 20) -> None:
        """Let the functions take what is there at once, in turn, until nothing is left but what waits."""
        for _ in range(rounds):
            if 0 in self.dispatch.delays():
                assert dispatch(*self.dispatch.take()) == []
            elif self.delivery.sent():
                assert deliver(*self.delivery.take()) == []
            else:
                return
        raise AssertionError("it never ends")


def record(body: str | dict[str, Any]) -> dict[str, Any]:
    """A message as Lambda hands it to a function, as far as functions read it."""
    return {"messageId": str(uuid.uuid4()), "body": body if isinstance(body, str) else json.dumps(body)}


def wake_up(**wish: Any) -> dict[str, Any]:
    return record({"wake_up": wish})


def seconds_from_now(seconds: float) -> str:
    """A moment to come, as JSON has it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def invoke(folder: str, records: list[dict[str, Any]], seconds: float = 28) -> list[str]:
    """Invoke a function with records; the ids of the messages that shall come again."""
    answer = app(folder).handler({"Records": records}, Context(seconds))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def dispatch(*records: dict[str, Any]) -> list[str]:
    return invoke("dispatch", list(records))


def deliver(*records: dict[str, Any]) -> list[str]:
    return invoke("deliver", list(records))


def outcomes_of(*planned: payloads.Job, status: int = 200) -> list[dict[str, Any]]:
    """What deliver would tell of these jobs."""
    answer = transfer.Response(status, None, {}, b"", datetime.now(UTC), timedelta(seconds=1))
    return [record(body) for body in payloads.encode_outcomes([outcomes.judge(job, answer) for job in planned])]
