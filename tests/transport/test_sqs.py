"""Sending to SQS, by boto3's own client: what goes in one call, and what is done about what SQS refuses."""

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


def test_ten_go_in_one_call(queues, calls):
    sqs.send_batch(queues.delivery.url, [f"[{n}]" for n in range(25)])
    assert queues.delivery.sent() == [[n] for n in range(25)]
    assert calls == [10, 10, 5]


def test_a_call_is_at_most_a_mebibyte(queues, calls):
    bodies = [f'"{"é" * octets}"' for octets in (240_000, 240_000, 240_000, 10)]
    sqs.send_batch(queues.delivery.url, bodies)
    assert [len(body) for body in queues.delivery.sent()] == [240_000, 240_000, 240_000, 10]
    assert calls == [2, 2]


def test_nothing_is_sent_when_there_is_nothing(queues, calls):
    sqs.send_batch(queues.delivery.url, [])
    assert calls == []


def test_what_json_may_hold_and_sqs_may_not_is_sent_all_the_same(queues):
    sqs.send(queues.delivery.url, '["\uffff\\\\\ufffe \U0001fffe"]')
    assert queues.delivery.sent() == [["\uffff\\\ufffe \U0001fffe"]]
    [message] = queues.delivery._messages()
    assert "\uffff" not in message.body


def test_what_sqs_takes_in_part_is_sent_again(queues, monkeypatch):
    client = sqs._client(None)
    send, sent = client.send_message_batch, []

    def half(QueueUrl, Entries):  # noqa: N803  as botocore names them
        sent.append([entry["Id"] for entry in Entries])
        kept, dropped = Entries[::2], Entries[1::2]
        failed = [{"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"} for entry in dropped]
        return {**send(QueueUrl=QueueUrl, Entries=kept), "Failed": failed}

    monkeypatch.setattr(client, "send_message_batch", half)
    sqs.send_batch(queues.delivery.url, ["0", "1", "2", "3"])
    assert sent == [["0", "1", "2", "3"], ["1", "3"], ["3"]]
    assert sorted(queues.delivery.sent()) == [0, 1, 2, 3]


def test_who_is_refused_is_named_and_the_others_are_sent(queues, monkeypatch):
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


def test_a_queue_that_is_away_is_told(queues):
    queues.delivery.break_down()
    with pytest.raises(sqs.NotSent) as refused:
        sqs.send(queues.delivery.url, "{}")
    assert refused.value.left == (0,)
    assert type(refused.value.__cause__).__name__ == "QueueDoesNotExist"


def test_the_broker_sends_to_a_queue_on_this_machine_whatever_proxy_stands_before_others(monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    def send(sender, queue):
        sqs.send(f"{sender.meta.endpoint_url}/000000000000/Letters", '["\uffff"]')
        assert [json.loads(message.body) for message in queue._visible] == [["\uffff"]]

    visit(send)
