"""Sending to SQS: what one call sends, and what happens to messages that SQS does not take."""

import json
from dataclasses import replace

import pytest

from broker import settings
from broker.aws import connections
from broker.aws.client import CallFailed
from broker.transport import sqs
from tests.local.test_queues import KEY, visit
from tests.support.aws import respond
from tests.support.endpoints import answers


def calls(aws):
    """The number of entries in each call of SendMessageBatch."""
    assert {*aws.calls()} <= {"SendMessageBatch"}
    return [len(json.loads(request.body)["Entries"]) for request in aws.requests]


def test_one_call_sends_ten_messages(aws, queues):
    sqs.send_batch(queues.delivery.url, [f"[{n}]" for n in range(25)])
    assert queues.delivery.sent() == [[n] for n in range(25)]
    assert calls(aws) == [10, 10, 5]


def test_one_call_sends_at_most_a_mebibyte(aws, queues):
    bodies = [f'"{"é" * length}"' for length in (240_000, 240_000, 240_000, 10)]
    sqs.send_batch(queues.delivery.url, bodies)
    assert [len(body) for body in queues.delivery.sent()] == [240_000, 240_000, 240_000, 10]
    assert calls(aws) == [2, 2]


def test_no_call_is_made_without_messages(aws, queues):
    sqs.send_batch(queues.delivery.url, [])
    assert calls(aws) == []


def test_characters_that_sqs_does_not_allow_are_sent_escaped(queues):
    sqs.send_batch(queues.delivery.url, ['["\uffff\\\\\ufffe \U0001fffe"]'])
    assert queues.delivery.sent() == [["\uffff\\\ufffe \U0001fffe"]]
    [message] = queues.delivery._messages()
    assert "\uffff" not in message.body


def refuse(aws, *, which, sender_fault):
    """Let SQS take those of a call's entries that `which` does not select, and refuse the others."""

    def behave(transport):
        request = aws.requests[-1]
        call = json.loads(request.body)
        refused = which(call["Entries"])
        taken = [entry for entry in call["Entries"] if entry not in refused]
        answer = {"Successful": []}
        if taken:
            _, _, body = respond(replace(request, body=json.dumps({**call, "Entries": taken}).encode()))
            answer = json.loads(body)
        failed = [{"Id": entry["Id"], "SenderFault": sender_fault, "Code": "No"} for entry in refused]
        answers(body=json.dumps({**answer, "Failed": failed}).encode())(transport)

    aws.does(behave)


def test_messages_that_sqs_failed_to_take_are_sent_again(aws, queues):
    refuse(aws, which=lambda entries: entries[1::2], sender_fault=False)
    sqs.send_batch(queues.delivery.url, ["0", "1", "2", "3"])
    assert calls(aws) == [4, 2, 1]
    assert sorted(queues.delivery.sent()) == [0, 1, 2, 3]


def test_messages_that_sqs_fails_to_take_again_and_again_are_reported(aws, queues):
    refuse(aws, which=lambda entries: entries[-1:], sender_fault=False)
    with pytest.raises(sqs.NotSent) as failed:
        sqs.send_batch(queues.delivery.url, ["0", "1"])
    assert failed.value.left == (1,)
    assert calls(aws) == [2, 1, 1]


def test_a_message_that_sqs_refuses_is_reported_and_the_others_are_sent(aws, queues):
    refuse(aws, which=lambda entries: [each for each in entries if each["MessageBody"] == "1"], sender_fault=True)
    with pytest.raises(sqs.NotSent) as refused:
        sqs.send_batch(queues.delivery.url, [str(n) for n in range(12)])
    assert refused.value.left == (1,)
    assert queues.delivery.sent() == [0, *range(2, 12)]
    assert calls(aws) == [10, 2]


def test_a_queue_that_does_not_exist_is_reported(queues):
    queues.delivery.break_down()
    with pytest.raises(sqs.NotSent) as refused:
        sqs.send_batch(queues.delivery.url, ["{}"])
    assert refused.value.left == (0,)
    assert isinstance(refused.value.__cause__, CallFailed)
    assert refused.value.__cause__.reason == "QueueDoesNotExist"


def test_a_silent_sqs_is_asked_once_and_what_no_call_was_made_for_is_reported_too(aws, queues):
    aws.hang()
    with pytest.raises(sqs.NotSent) as silent:
        sqs.send_batch(queues.delivery.url, [str(n) for n in range(12)], seconds=0.2)
    assert silent.value.left == tuple(range(12))
    aws.wait_for(1)
    assert calls(aws) == [10]


def test_without_credentials_nothing_is_sent(aws, queues, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "")
    with pytest.raises(sqs.NotSent) as failed:
        sqs.send_batch(queues.delivery.url, ["{}"])
    assert isinstance(failed.value.__cause__, settings.SettingMissing)
    assert calls(aws) == []


def test_the_broker_reaches_a_queue_of_the_local_runner(monkeypatch):
    for name, value in {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)

    def send(sender, queue):
        url = f"{sender.meta.endpoint_url}/000000000000/Letters"
        sqs.send_batch(url, ['["\uffff"]'])
        sqs.send_batch(url, ["1"])
        assert [json.loads(message.body) for message in queue._visible] == [["\uffff"], 1]
        connections.close()

    visit(send)
