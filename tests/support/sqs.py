"""The two SQS queues in moto, and invocations of their functions as Lambda makes them."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
from moto.sqs.models import sqs_backends

from broker.transport import payloads
from broker.webhooks import outcomes, transfer
from tests.support.aws import REGION
from tests.support.client import Context, app

ACCOUNT = "123456789012"


@cache
def client() -> Any:
    """The client of all tests: botocore reads megabytes of JSON for each. Whatever it calls is in the current moto."""
    return boto3.client("sqs", region_name=REGION)


class Queue:
    def __init__(self, name: str, endpoint: str) -> None:
        self._client = client()
        self._name = name
        self.url = f"{endpoint}/{ACCOUNT}/{name}"
        self.repair()

    def sent(self) -> list[Any]:
        """The payloads in the queue, delayed or not, in the order in which they were sent."""
        return [json.loads(message.body) for message in self._messages()]

    def delays(self) -> list[int]:
        """The delay of each message in seconds."""
        return [max(0, round((each.delayed_until - each.sent_timestamp) / 1000)) for each in self._messages()]

    def take(self) -> list[dict[str, Any]]:
        """Remove up to ten messages, delayed or not, and return them as the records of an event."""
        taken = self._messages()[:10]
        for message in taken:
            self._backend()._messages.remove(message)
        return [record(message.body) for message in taken]

    def keep(self, number: int) -> None:
        """Remove all messages but the first ones."""
        del self._backend()._messages[number:]

    def break_down(self) -> None:
        """Make every send fail from now on."""
        self._client.delete_queue(QueueUrl=self.url)

    def repair(self) -> None:
        self._client.create_queue(QueueName=self._name)

    def _backend(self) -> Any:
        return sqs_backends[ACCOUNT][REGION].queues[self._name]

    def _messages(self) -> list[Any]:
        return list(self._backend()._messages)


class Queues:
    """DispatchQueue, DeliveryQueue and their functions."""

    def __init__(self, endpoint: str) -> None:
        self.dispatch, self.delivery = Queue("Dispatch", endpoint), Queue("Delivery", endpoint)

    def pending_wake_ups(self) -> list[datetime]:
        """The times of the wake-ups in DispatchQueue that have a time."""
        wake_ups = [sent["wake_up"] for sent in self.dispatch.sent() if "wake_up" in sent]
        return [datetime.fromisoformat(wake_up["not_before"]) for wake_up in wake_ups if "not_before" in wake_up]

    def run(self, rounds: int = 20) -> None:
        """Invoke the functions in turn until only delayed wake-ups are left."""
        for _ in range(rounds):
            if 0 in self.dispatch.delays():
                assert dispatch(*self.dispatch.take()) == []
            elif self.delivery.sent():
                assert deliver(*self.delivery.take()) == []
            else:
                return
        raise AssertionError("the queues are never empty")


def record(body: str | dict[str, Any]) -> dict[str, Any]:
    """A message as Lambda passes it to a function, as far as the functions read it."""
    return {"messageId": str(uuid.uuid4()), "body": body if isinstance(body, str) else json.dumps(body)}


def wake_up(**fields: Any) -> dict[str, Any]:
    return record({"wake_up": fields})


def seconds_from_now(seconds: float) -> str:
    """A time so many seconds from now, as JSON has it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def invoke(folder: str, records: list[dict[str, Any]], seconds: float = 28) -> list[str]:
    """Invoke a function with records; return the ids of the messages that SQS must show again."""
    result = app(folder).handler({"Records": records}, Context(seconds))
    return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]


def dispatch(*records: dict[str, Any]) -> list[str]:
    return invoke("dispatch", list(records))


def deliver(*records: dict[str, Any]) -> list[str]:
    return invoke("deliver", list(records))


def outcomes_of(*planned: payloads.Job, status: int = 200) -> list[dict[str, Any]]:
    """The records that Deliver would send after these jobs got responses with this status."""
    response = transfer.Response(status, None, {}, b"", datetime.now(UTC), timedelta(seconds=1))
    return [record(body) for body in payloads.encode_outcomes([outcomes.judge(job, response) for job in planned])]
