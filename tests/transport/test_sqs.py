"""Sending to SQS with boto3: what one call sends, and what happens to messages that SQS does not take."""

import json

import pytest

from broker.transport import sqs
from tests.local.test_queues import KEY, visit


@pytest.fixture
def calls(queues, monkeypatch):
    """The number of entries in each call to SQS."""
    sizes = []
    client = sqs._client(None)
    send = client.send_message_batch
    monkeypatch.setattr(client, "send_message_batch", lambda **call: sizes.append(len(call["Entries"])) or send(**call))
    return sizes


def test_one_call_sends_ten_messages(queues, calls):
    sqs.send_batch(queues.delivery.url, [f"[{n}]" for n in range(25)])
    assert queues.delivery.sent() == [[n] for n in range(25)]
    assert calls == [10, 10, 5]


def test_one_call_sends_at_most_a_mebibyte(queues, calls):
    bodies = [f'"{"é" * length}"' for length in (240_000, 240_000, 240_000, 10)]
    sqs.send_batch(queues.delivery.url, bodies)
    assert [len(body) for body in queues.delivery.sent()] == [240_000, 240_000, 240_000, 10]
    assert calls == [2, 2]


def test_no_call_is_made_without_messages(queues, calls):
    sqs.send_batch(queues.delivery.url, [])
    assert calls == []


def test_characters_that_sqs_does_not_allow_are_sent_escaped(queues):
    sqs.send_batch(queues.delivery.url, ['["\uffff\\\\\ufffe \U0001fffe"]'])
    assert queues.delivery.sent() == [["\uffff\\\ufffe \U0001fffe"]]
    [message] = queues.delivery._messages()
    assert "\uffff" not in message.body


def test_messages_that_sqs_failed_to_take_are_sent_again(queues, monkeypatch):
    client = sqs._client(None)
    send, sent = client.send_message_batch, []

    def take_half(QueueUrl, Entries):  # noqa: N803  as botocore names them
        sent.append([entry["Id"] for entry in Entries])
        taken, refused = Entries[::2], Entries[1::2]
        failed = [{"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"} for entry in refused]
        return {**send(QueueUrl=QueueUrl, Entries=taken), "Failed": failed}

    monkeypatch.setattr(client, "send_message_batch", take_half)
    sqs.send_batch(queues.delivery.url, ["0", "1", "2", "3"])
    assert sent == [["0", "1", "2", "3"], ["1", "3"], ["3"]]
    assert sorted(queues.delivery.sent()) == [0, 1, 2, 3]


def test_a_message_that_sqs_refuses_is_reported_and_the_others_are_sent(queues, monkeypatch):
    client = sqs._client(None)
    send = client.send_message_batch

    def refuse(QueueUrl, Entries):  # noqa: N803  as botocore names them
        good = [entry for entry in Entries if entry["MessageBody"] != "1"]
        bad = [{"Id": entry["Id"], "SenderFault": True, "Code": "No"} for entry in Entries if entry not in good]
        return {**(send(QueueUrl=QueueUrl, Entries=good) if good else {}), "Failed": bad}

    monkeypatch.setattr(client, "send_message_batch", refuse)
    with pytest.raises(sqs.NotSent) as refused:
        sqs.send_batch(queues.delivery.url, [str(n) for n in range(12)])
    assert refused.value.left == (1,)
    assert queues.delivery.sent() == [0, *range(2, 12)]


def test_a_queue_that_does_not_exist_is_reported(queues):
    queues.delivery.break_down()
    with pytest.raises(sqs.NotSent) as refused:
        sqs.send_batch(queues.delivery.url, ["{}"])
    assert refused.value.left == (0,)
    assert type(refused.value.__cause__).__name__ == "QueueDoesNotExist"


def test_the_broker_reaches_a_queue_on_this_computer_without_the_proxy_of_the_environment(monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    def send(sender, queue):
        sqs.send_batch(f"{sender.meta.endpoint_url}/000000000000/Letters", ['["\uffff"]'])
        assert [json.loads(message.body) for message in queue._visible] == [["\uffff"]]

    visit(send)
