"""The local runner's replacement of SQS: boto3's own client sends to it, and its queues invoke functions."""

import asyncio
import hashlib
import json
import socket
from contextlib import asynccontextmanager

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.functions.pool import NoWorker
from local.functions.process import FunctionError
from local.gateway.app import Server
from local.queues import endpoint
from local.queues.queue import EventSource, Queue
from local.template import template
from tests.support import clock
from tests.support.runner import PATIENCE_SECONDS, function

KEY = "LOCALKEY"


class Function:
    """Replaces the function of a queue: it records its events, and returns or raises `answer` after `seconds`."""

    def __init__(self, folder):
        self.definition = function(folder)
        self.events = []
        self.running = 0
        self.most_running = 0
        self.answer = {"batchItemFailures": []}
        self.seconds = 0.0
        self.changed = asyncio.Event()

    async def __call__(self, function, event, *, may_wait=False):
        self.events.append(json.loads(event)["Records"])
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.changed.set()
        answer = self.answer
        await asyncio.sleep(self.seconds)
        self.running -= 1
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer).encode()

    def bodies(self):
        return [[record["body"] for record in records] for records in self.events]

    async def wait_for_calls(self, times):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.events) < times:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def event_source(
    folder, *, batch_size=10, concurrency=2, visibility=30, retention=60, reports=True, max_receives=0
):
    """A queue, and the function that its messages invoke."""
    definition = template.Queue("Letters", visibility, retention, max_receives)
    consumer = Function(folder)
    queue = Queue(definition)
    source = EventSource(
        template.EventSource("S", definition, consumer.definition, batch_size, concurrency, reports), queue, consumer
    )
    running = asyncio.create_task(source.run())
    try:
        yield queue, consumer
    finally:
        running.cancel()


@asynccontextmanager
async def endpoint_client(queues):
    """Serve the queues on loopback; yields a client of boto3 for them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(endpoint.Endpoint(queues, KEY))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield client(listener.getsockname()[1])
        finally:
            server.should_exit = True
            await serving


def client(port, key=KEY):
    return boto3.client(
        "sqs",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


def visit(what):
    """Run `what(client, queue)` in a thread, beside an endpoint with one queue, whose messages invoke no function."""

    async def run():
        queue = Queue(template.Queue("Letters", 30, 60))
        async with endpoint_client({"Letters": queue}) as sender:
            return await asyncio.to_thread(what, sender, queue)

    return asyncio.run(run())


URL = "http://127.0.0.1/000000000000/Letters"


def test_a_message_invokes_the_function_at_once(tmp_path):
    async def run():
        async with event_source(tmp_path) as (queue, consumer):
            queue.send("a")
            await consumer.wait_for_calls(1)
            return consumer.events, clock.now()

    [[record]], seconds = clock.run(run())
    assert seconds == 0
    assert record["body"] == "a"
    assert record["md5OfBody"] == hashlib.md5(b"a").hexdigest()
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert (record["eventSource"], record["awsRegion"]) == ("aws:sqs", "us-east-1")
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:000000000000:Letters"


def test_waiting_messages_go_in_batches_and_with_limited_concurrency(tmp_path):
    async def run():
        async with event_source(tmp_path, batch_size=4, concurrency=2) as (queue, consumer):
            consumer.seconds = 0.05
            for n in range(14):
                queue.send(str(n))
            await consumer.wait_for_calls(4)
            return consumer

    consumer = clock.run(run())
    assert [len(batch) for batch in consumer.bodies()] == [4, 4, 4, 2]
    assert sorted((body for batch in consumer.bodies() for body in batch), key=int) == [str(n) for n in range(14)]
    assert consumer.most_running == 2


def test_a_delayed_message_invokes_the_function_after_its_delay(tmp_path):
    async def run():
        async with event_source(tmp_path) as (queue, consumer):
            queue.send("later", 20)
            queue.send("now")
            await consumer.wait_for_calls(1)
            sent_now = clock.now()
            await consumer.wait_for_calls(2)
            return consumer.bodies(), sent_now, clock.now()

    assert clock.run(run()) == ([["now"], ["later"]], 0, 20)


def test_only_failed_messages_are_shown_again_after_the_visibility_timeout(tmp_path):
    async def run():
        async with event_source(tmp_path, visibility=30) as (queue, consumer):
            failing = queue.send("fails")
            queue.send("good")
            consumer.answer = {"batchItemFailures": [{"itemIdentifier": failing.message_id}]}
            await consumer.wait_for_calls(1)
            consumer.answer = {}
            await consumer.wait_for_calls(2)
            shown_again = clock.now()
            await asyncio.sleep(60)
            return consumer, shown_again

    consumer, shown_again = clock.run(run())
    assert consumer.bodies() == [["fails", "good"], ["fails"]]
    assert shown_again == 30
    assert consumer.events[1][0]["attributes"]["ApproximateReceiveCount"] == "2"


@pytest.mark.parametrize(
    "answer",
    [
        "error",
        ["no object"],
        {"batchItemFailures": [{"itemIdentifier": "unknown"}]},
        {"batchItemFailures": [{}]},
    ],
)
def test_all_messages_are_shown_again_when_the_function_fails_or_its_answer_is_invalid(tmp_path, answer):
    async def run():
        async with event_source(tmp_path, visibility=30) as (queue, consumer):
            if answer == "error":
                consumer.answer = FunctionError(consumer.definition, {"errorType": "E", "errorMessage": "m"})
            else:
                consumer.answer = answer
            queue.send("a")
            queue.send("b")
            while sum(map(len, consumer.bodies())) < 4:  # each message is shown again by a timer of its own
                await consumer.wait_for_calls(len(consumer.bodies()) + 1)
            return consumer.bodies()

    first, *others = clock.run(run())
    assert first == ["a", "b"]
    assert [body for call in others for body in call][:2] == ["a", "b"]


def test_messages_are_shown_again_at_once_when_no_worker_is_free(tmp_path):
    async def run():
        async with event_source(tmp_path, visibility=30) as (queue, consumer):
            consumer.answer = NoWorker()
            consumer.seconds = 0.01
            queue.send("a")
            await consumer.wait_for_calls(3)
            return consumer.bodies(), clock.now()

    bodies, seconds = clock.run(run())
    assert bodies == [["a"]] * 3
    assert seconds < 30


def test_a_message_that_failed_as_often_as_it_may_goes_to_the_last_resort(tmp_path, capsys):
    async def run():
        async with event_source(tmp_path, visibility=30, max_receives=5) as (queue, consumer):
            queue.last_resort = Queue(template.Queue("LastResort", 30, 60))
            failing = queue.send("fails")
            consumer.answer = {"batchItemFailures": [{"itemIdentifier": failing.message_id}]}
            [message] = await queue.last_resort.receive(10)
            return consumer.bodies(), message.body, clock.now()

    assert clock.run(run()) == ([["fails"]] * 5, "fails", 5 * 30)
    assert "Letters: a message failed 5 times" in capsys.readouterr().err


def test_a_message_for_which_no_worker_is_free_has_not_failed(tmp_path):
    async def run():
        async with event_source(tmp_path, visibility=30, max_receives=2) as (queue, consumer):
            queue.last_resort = Queue(template.Queue("LastResort", 30, 60))
            consumer.answer = NoWorker()
            consumer.seconds = 0.01
            queue.send("a")
            await consumer.wait_for_calls(4)
            return consumer.events[-1][0]["attributes"]["ApproximateReceiveCount"]

    assert clock.run(run()) == "1"


def test_a_message_is_dropped_after_its_retention_period(tmp_path):
    async def run():
        async with event_source(tmp_path, retention=60) as (queue, consumer):
            queue.send("too old").sent_at -= 61
            queue.send("new")
            await consumer.wait_for_calls(1)
            return consumer.bodies()

    assert clock.run(run()) == [["new"]]


def test_boto3_sends_a_message():
    def send(sender, queue):
        answer = sender.send_message(QueueUrl=URL, MessageBody="é", DelaySeconds=0)
        [message] = queue._visible
        assert (message.body, message.message_id) == ("é", answer["MessageId"])
        assert answer["MD5OfMessageBody"] == hashlib.md5("é".encode()).hexdigest()

    visit(send)


def test_boto3_sends_a_batch():
    def send(sender, queue):
        entries = [{"Id": str(n), "MessageBody": f"m{n}", "DelaySeconds": n % 2 * 9} for n in range(10)]
        answer = sender.send_message_batch(QueueUrl=URL, Entries=entries)
        assert [sent["Id"] for sent in answer["Successful"]] == [str(n) for n in range(10)]
        assert [message.body for message in queue._visible] == ["m0", "m2", "m4", "m6", "m8"]

    visit(send)


def test_a_batch_can_succeed_in_part_as_in_sqs():
    def send(sender, queue):
        entries = [{"Id": "good", "MessageBody": "a"}, {"Id": "bad", "MessageBody": "\uffff"}]
        answer = sender.send_message_batch(QueueUrl=URL, Entries=entries)
        assert [sent["Id"] for sent in answer["Successful"]] == ["good"]
        [failed] = answer["Failed"]
        assert (failed["Id"], failed["SenderFault"], failed["Code"]) == ("bad", True, "InvalidMessageContents")

    visit(send)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([{"Id": str(n), "MessageBody": "a"} for n in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "MessageBody": "a"}] * 2, "BatchEntryIdsNotDistinct"),
        ([{"Id": str(n), "MessageBody": "a" * 600_000} for n in range(2)], "BatchRequestTooLong"),
    ],
)
def test_a_batch_that_sqs_refuses_is_refused(entries, code):
    def send(sender, queue):
        with pytest.raises(ClientError, match=code):
            sender.send_message_batch(QueueUrl=URL, Entries=entries)
        assert not queue._visible

    visit(send)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"MessageBody": ""}, "MissingParameter"),
        ({"MessageBody": "a" * (1024 * 1024 + 1)}, "InvalidParameterValue"),
        ({"MessageBody": "a", "DelaySeconds": 901}, "InvalidParameterValue"),
        ({"MessageBody": "a\x00"}, "InvalidMessageContents"),
        ({"MessageBody": "a", "QueueUrl": URL + "x"}, "QueueDoesNotExist"),
    ],
)
def test_a_message_that_sqs_refuses_is_refused(call, code):
    def send(sender, queue):
        with pytest.raises(ClientError, match=code):
            sender.send_message(**{"QueueUrl": URL, **call})
        assert not queue._visible

    visit(send)


def test_a_client_without_the_access_key_of_this_run_cannot_send():
    def send(sender, queue):
        stranger = client(int(sender.meta.endpoint_url.rpartition(":")[2]), key="another")
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            stranger.send_message(QueueUrl=URL, MessageBody="a")
        with pytest.raises(ClientError, match="UnsupportedOperation"):
            sender.receive_message(QueueUrl=URL)
        assert not queue._visible

    visit(send)
