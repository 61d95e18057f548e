"""Deliver: jobs in, webhooks, outcomes out; and no way to the database."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from broker.transport import payloads
from broker.webhooks import worker
from tests.support.client import ROOT, template
from tests.support.endpoints import answers_after
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


def planned(*jobs, age_seconds=0):
    """Jobs as they come to deliver, in one message."""
    [body] = payloads.encode_jobs(jobs, datetime.now(UTC) - timedelta(seconds=age_seconds))
    return record(body)


def told(queues):
    """The outcomes in each message to dispatch."""
    return [message["outcomes"] for message in queues.dispatch.sent()]


def test_a_job_is_posted_and_its_outcome_told(endpoint, queues):
    made = job(endpoint.url, '{"messages":["é"]}')
    assert deliver(planned(made)) == []
    [request] = endpoint.requests
    assert request.body.decode() == '{"messages":["é"]}'
    assert request.headers["x-shop"] == "1"
    [[outcome]] = told(queues)
    assert (outcome["subscription_id"], outcome["fence"]) == (str(made.subscription_id), 1)
    assert (outcome["action"], outcome["status"]) == ("delivered", 200)


def test_all_jobs_of_an_event_are_posted_at_once(endpoint, queues):
    endpoint.does(answers_after(0.3))
    started = time.monotonic()
    assert deliver(*[planned(job(endpoint.url)) for _ in range(10)]) == []
    assert time.monotonic() - started < 2
    assert sum(map(len, told(queues))) == 10


def test_what_is_done_is_told_before_what_hangs_ends(endpoint, queues):
    endpoint.hang(path="/hangs")
    slow, fast = job(endpoint.url + "/hangs"), job(endpoint.url + "/fast")
    running = threading.Thread(target=lambda: answers.append(invoke("deliver", [planned(slow), planned(fast)], 20.5)))
    answers = []
    running.start()
    until = time.monotonic() + 10
    while not queues.dispatch.sent():
        assert time.monotonic() < until
        time.sleep(0.01)
    assert running.is_alive()
    [[outcome]] = told(queues)
    assert outcome["subscription_id"] == str(fast.subscription_id)
    running.join()
    assert answers == [[]]
    assert [each["action"] for [each] in told(queues)] == ["delivered", "retry"]


def test_a_job_that_is_too_old_is_dropped_unsent(endpoint, queues):
    assert deliver(planned(job(endpoint.url), age_seconds=241)) == []
    assert endpoint.requests == []
    assert queues.dispatch.sent() == []


def test_a_job_that_is_nearly_too_old_is_sent(endpoint, queues):
    assert deliver(planned(job(endpoint.url), age_seconds=235)) == []
    assert len(endpoint.requests) == 1


def test_a_job_that_there_is_no_time_for_comes_again(endpoint, queues):
    message = planned(job(endpoint.url))
    assert invoke("deliver", [message], seconds=10) == [message["messageId"]]
    assert endpoint.requests == []


def test_a_job_whose_outcome_cannot_be_told_comes_again(endpoint, queues, log_lines):
    message = planned(job(endpoint.url))
    queues.dispatch.break_down()
    assert deliver(message) == [message["messageId"]]
    assert [line["error"] for line in log_lines()] == ["QueueDoesNotExist"]


@pytest.mark.parametrize("body", ["", "{}", '{"jobs": [{}]}', '{"planned_at": "2026-01-01T00:00:00Z"}'])
def test_a_message_that_makes_no_sense_is_dropped_and_the_others_are_posted(endpoint, queues, log_lines, body):
    assert deliver(record(body), planned(job(endpoint.url))) == []
    assert len(endpoint.requests) == 1
    assert [line["route"] for line in log_lines()] == ["deliver"]


def test_an_answer_that_cannot_be_read_harms_no_other(endpoint, queues):
    endpoint.answer(body=b'{"failed":' + b"[" * 60_000, path="/nested")
    endpoint.answer(body=b'{"failed": ["\xff"]}', path="/latin")
    assert deliver(planned(*(job(endpoint.url + path) for path in ("/", "/nested", "/latin")))) == []
    told = [outcome["action"] for sent in queues.dispatch.sent() for outcome in sent["outcomes"]]
    assert told == ["delivered"] * 3


def test_a_message_of_many_jobs_comes_again_when_one_of_them_was_not_told(endpoint, queues, monkeypatch):
    endpoint.does(answers_after(0.3), path="/late")
    endpoint.answer(body=b"at once")
    first, second = (planned(job(endpoint.url), job(endpoint.url + path)) for path in ("/", "/late"))
    send = worker._send

    def forget_the_late(judged, queue_url):
        return judged[0].answer == "at once" and send(judged, queue_url)

    monkeypatch.setattr(worker, "_send", forget_the_late)
    assert deliver(first, second) == [second["messageId"]]


def test_many_jobs_go_in_one_message_and_large_ones_in_few():
    small, large = job("http://127.0.0.1/"), job("http://127.0.0.1/", "x" * 100_000)
    sizes = [
        [len(json.loads(body)["jobs"]) for body in payloads.encode_jobs(jobs, datetime.now(UTC))]
        for jobs in ([small] * 25, [large] * 5, [small, job("http://127.0.0.1/", "x" * 400_000), small])
    ]
    assert sizes == [[10, 10, 5], [2, 2, 1], [1, 1, 1]]


def test_many_outcomes_go_in_messages_of_a_quarter_of_a_mebibyte():
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


def test_it_neither_imports_what_speaks_to_the_database_nor_is_told_where_that_is(endpoint):
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
            "ALLOW_PRIVATE_WEBHOOKS": "true",
        },
        input=json.dumps({"Records": [planned(job(endpoint.url))]}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answer, modules = map(json.loads, run.stdout.splitlines()[-2:])
    assert answer == {"batchItemFailures": []}
    assert len(endpoint.requests) == 1
    assert "pycurl" in modules
    assert not {"psycopg", "boto3"} & {*modules}


def test_the_template_gives_it_no_way_to_the_database():
    deliver = template()["Resources"]["Deliver"]
    assert deliver["IgnoreGlobals"] == ["Environment"]
    assert not [name for name in deliver["Properties"]["Environment"]["Variables"] if "DATABASE" in name]
