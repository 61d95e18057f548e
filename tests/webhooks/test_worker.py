"""Deliver: it posts jobs, sends their outcomes to Dispatch, and has no way to the database."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from broker.transport import payloads
from broker.webhooks import worker
from tests.support.client import ROOT, template
from tests.support.endpoints import answers, closes
from tests.support.runner import until
from tests.support.sqs import deliver, invoke, record

PROGRAM = """
import json, sys
sys.path.insert(0, "functions/deliver")
import app

class Context:
    def get_remaining_time_in_millis(self):
        return 28_000

print(json.dumps(app.handler(json.load(sys.stdin), Context())))
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def job(url, body='{"messages":[]}'):
    return payloads.Job(
        subscription_id=uuid4(),
        fence=1,
        url=url,
        headers={"x-shop": "1", "webhook-id": "id"},
        webhook_id="id",
        first_seq=1,
        last_seq=1,
        attempt=1,
        retry_schedule=None,
        ordered=False,
        redelivery=None,
        body=body,
    )


def message_with(*jobs, age_seconds=0):
    """A message of DeliveryQueue with these jobs, planned so many seconds ago."""
    [body] = payloads.encode_jobs(jobs, datetime.now(UTC) - timedelta(seconds=age_seconds))
    return record(body)


def sent_outcomes(queues):
    """The outcomes in each message that Deliver sent to Dispatch."""
    return [message["outcomes"] for message in queues.dispatch.sent()]


def test_a_job_is_posted_and_its_outcome_is_sent(endpoint, queues):
    posted = job(endpoint.url, '{"messages":["é"]}')
    assert deliver(message_with(posted)) == []
    [request] = endpoint.requests
    assert request.body.decode() == '{"messages":["é"]}'
    assert request.headers["x-shop"] == "1"
    [[outcome]] = sent_outcomes(queues)
    assert (outcome["subscription_id"], outcome["fence"]) == (str(posted.subscription_id), 1)
    assert (outcome["action"], outcome["status"]) == ("delivered", 200)


def test_all_jobs_of_an_event_are_posted_at_once(endpoint, queues):
    arrived = []
    all_arrived = asyncio.Event()

    async def answer_when_all_have_arrived(transport):
        arrived.append(transport)
        if len(arrived) == 10:
            all_arrived.set()
        await all_arrived.wait()
        answers()(transport)

    endpoint.does(answer_when_all_have_arrived)
    assert deliver(*[message_with(job(endpoint.url)) for _ in range(10)]) == []
    assert [outcome["action"] for sent in sent_outcomes(queues) for outcome in sent] == ["delivered"] * 10


def test_an_outcome_is_sent_while_another_request_is_under_way(endpoint, queues):
    first_outcome_was_sent = threading.Event()

    async def fail_when_the_other_outcome_was_sent(transport):
        assert await asyncio.to_thread(first_outcome_was_sent.wait, 60)
        answers(503)(transport)

    endpoint.does(fail_when_the_other_outcome_was_sent, path="/slow")
    slow, fast = job(endpoint.url + "/slow"), job(endpoint.url + "/fast")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(invoke, "deliver", [message_with(slow), message_with(fast)])
        until(queues.dispatch.sent)
        assert not running.done()
        [[outcome]] = sent_outcomes(queues)
        assert outcome["subscription_id"] == str(fast.subscription_id)
        first_outcome_was_sent.set()
        assert running.result() == []
    assert [each["action"] for [each] in sent_outcomes(queues)] == ["delivered", "retry"]


def test_outcomes_that_follow_each_other_are_sent_together(endpoint, queues):
    assert deliver(*[message_with(*[job(endpoint.url) for _ in range(10)]) for _ in range(3)]) == []
    assert sum(map(len, sent_outcomes(queues))) == 30
    assert len(sent_outcomes(queues)) < 30


def test_the_next_invocation_uses_the_connections_of_the_last(endpoint, queues):
    for _ in range(3):
        assert deliver(message_with(job(endpoint.url))) == []
    assert (len(endpoint.requests), endpoint.connections) == (3, 1)


def test_a_kept_connection_that_the_endpoint_has_closed_is_replaced(endpoint, queues):
    endpoint.does(closes(), times=1)
    deliver(message_with(job(endpoint.url)))
    endpoint.answer(headers={"connection": "close"}, times=1)
    for _ in range(2):
        deliver(message_with(job(endpoint.url)))
    actions = [outcome["action"] for sent in sent_outcomes(queues) for outcome in sent]
    assert actions == ["retry", "delivered", "delivered"]


def test_connections_that_were_idle_for_a_minute_are_not_used_again(endpoint, queues, monkeypatch):
    deliver(message_with(job(endpoint.url)))
    later = time.time() + worker.SENDER_IDLE_SECONDS + 1
    monkeypatch.setattr(worker.time, "time", lambda: later)
    deliver(message_with(job(endpoint.url)))
    assert endpoint.connections == 2


def test_a_request_that_outlasted_its_invocation_affects_no_later_one(endpoint, queues, monkeypatch):
    monkeypatch.setattr(worker.deadlines, "DELIVER_SECONDS", 0.5)
    endpoint.hang(path="/hangs")
    hanging = message_with(job(endpoint.url + "/hangs"))
    assert deliver(hanging) == [hanging["messageId"]]
    later = job(endpoint.url)
    assert deliver(message_with(later)) == []
    [[outcome]] = sent_outcomes(queues)
    assert (outcome["subscription_id"], outcome["action"]) == (str(later.subscription_id), "delivered")


def test_a_job_that_is_too_old_is_answered_with_expired(endpoint, queues):
    old = job(endpoint.url)
    assert deliver(message_with(old, age_seconds=241), message_with(job(endpoint.url))) == []
    assert len(endpoint.requests) == 1
    outcomes = [outcome for sent in sent_outcomes(queues) for outcome in sent]
    assert {outcome["subscription_id"]: outcome["action"] for outcome in outcomes}[
        str(old.subscription_id)
    ] == "expired"
    assert sorted(outcome["action"] for outcome in outcomes) == ["delivered", "expired"]


def test_a_job_that_is_nearly_too_old_is_posted(endpoint, queues):
    assert deliver(message_with(job(endpoint.url), age_seconds=235)) == []
    assert len(endpoint.requests) == 1


def test_sqs_shows_a_job_again_when_deliver_has_no_time_to_post_it(endpoint, queues):
    message = message_with(job(endpoint.url))
    assert invoke("deliver", [message], seconds=10) == [message["messageId"]]
    assert endpoint.requests == []


def test_sqs_shows_a_job_again_when_deliver_cannot_send_its_outcome(endpoint, queues, log_lines):
    message = message_with(job(endpoint.url))
    queues.dispatch.break_down()
    assert deliver(message) == [message["messageId"]]
    assert [line["reason"] for line in log_lines()] == ["QueueDoesNotExist"]


@pytest.mark.parametrize("body", ["", "{}", '{"jobs": [{}]}', '{"planned_at": "2026-01-01T00:00:00Z"}'])
def test_an_unreadable_message_is_dropped_and_the_jobs_of_others_are_posted(endpoint, queues, log_lines, body):
    assert deliver(record(body), message_with(job(endpoint.url))) == []
    assert len(endpoint.requests) == 1
    assert [line["route"] for line in log_lines()] == ["deliver"]


def test_an_unreadable_response_does_not_affect_other_jobs(endpoint, queues):
    endpoint.answer(body=b'{"failed":' + b"[" * 60_000, path="/nested")
    endpoint.answer(body=b'{"failed": ["\xff"]}', path="/latin")
    assert deliver(message_with(*(job(endpoint.url + path) for path in ("/", "/nested", "/latin")))) == []
    actions = [outcome["action"] for sent in queues.dispatch.sent() for outcome in sent["outcomes"]]
    assert actions == ["delivered"] * 3


def test_sqs_shows_a_message_again_when_one_outcome_of_its_jobs_was_not_sent(endpoint, queues, monkeypatch):
    others_were_sent = threading.Event()

    async def answer_when_the_others_were_sent(transport):
        assert await asyncio.to_thread(others_were_sent.wait, 60)
        answers()(transport)

    endpoint.does(answer_when_the_others_were_sent, path="/late")
    endpoint.answer(body=b"at once")
    first, second = (message_with(job(endpoint.url), job(endpoint.url + path)) for path in ("/", "/late"))
    send, others = worker._send, []

    def fail_for_the_late_outcome(judged):
        if judged[0].answer != "at once":
            return False
        others.extend(judged)
        if len(others) == 3:
            others_were_sent.set()
        return send(judged)

    monkeypatch.setattr(worker, "_send", fail_for_the_late_outcome)
    assert deliver(first, second) == [second["messageId"]]


def test_outcomes_are_sent_without_waiting_for_the_one_request_that_is_left(endpoint, queues, monkeypatch):
    monkeypatch.setattr(worker, "GATHER_SECONDS", 3600)
    send, was_sent = worker._send, threading.Event()
    sizes = []

    def note(judged):
        sizes.append(len(judged))
        was_sent.set()
        return send(judged)

    async def answer_when_something_was_sent(transport):
        assert await asyncio.to_thread(was_sent.wait, 60)
        answers()(transport)

    monkeypatch.setattr(worker, "_send", note)
    endpoint.does(answer_when_something_was_sent, path="/late")
    assert deliver(message_with(job(endpoint.url), job(endpoint.url), job(endpoint.url + "/late"))) == []
    assert (sum(sizes), sizes[-1]) == (3, 1)


def test_a_message_has_at_most_ten_jobs_and_fewer_when_they_are_large():
    small, large = job("http://127.0.0.1/"), job("http://127.0.0.1/", "x" * 100_000)
    sizes = [
        [len(json.loads(body)["jobs"]) for body in payloads.encode_jobs(jobs, datetime.now(UTC))]
        for jobs in ([small] * 25, [large] * 5, [small, job("http://127.0.0.1/", "x" * 400_000), small])
    ]
    assert sizes == [[10, 10, 5], [2, 2, 1], [1, 1, 1]]


def test_a_message_has_as_many_outcomes_as_fit_in_256_kib():
    outcome = msgspec.json.decode(
        '{"subscription_id": "00000000-0000-0000-0000-000000000000", "fence": 1, "webhook_id": "w", "first_seq": 1,'
        ' "last_seq": 1, "attempt": 1, "started_at": "2026-01-01T00:00:00Z", "duration_ms": 1, "status": 500,'
        ' "redelivery": null, "answer": null, "refused": null,'
        f' "reason": "{"x" * 1000}", "action": "retry", "retry_seconds": 5}}',
        type=payloads.Outcome,
    )
    bodies = payloads.encode_outcomes([outcome] * 500)
    assert len(bodies) == 3
    assert all(len(body) <= 256 * 1024 + 100 for body in bodies)
    assert sum(len(json.loads(body)["outcomes"]) for body in bodies) == 500


def test_deliver_runs_without_a_database_client_and_without_a_database_url(endpoint):
    environment = {
        name: value
        for name, value in template()["Resources"]["Deliver"]["Properties"]["Environment"]["Variables"].items()
        if "QUEUE" not in name
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "layers/broker"),
            **environment,
            "OPTIONS": '{"allow_private_webhooks": true}',
        },
        input=json.dumps({"Records": [message_with(job(endpoint.url))]}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    result, modules = map(json.loads, run.stdout.splitlines()[-2:])
    assert result == {"batchItemFailures": []}
    assert len(endpoint.requests) == 1
    assert "pycurl" in modules
    assert not {"psycopg", "boto3"} & {*modules}


def test_the_template_gives_deliver_no_database_url():
    function = template()["Resources"]["Deliver"]
    assert "Environment" in function["IgnoreGlobals"]
    assert not [name for name in function["Properties"]["Environment"]["Variables"] if "DATABASE" in name]
