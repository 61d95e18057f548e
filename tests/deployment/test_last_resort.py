"""LastResortQueue takes what failed each time, and nothing that the push loop gives back on purpose."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from broker import database, settings
from broker.webhooks import worker
from tests.deployment import resources
from tests.support.sqs import deliver, dispatch, invoke, record, seconds_from_now, wake_up
from tests.test_architecture import MODULES

LAST = resources.resources()["LastResortQueue"]["Properties"]
SOURCES = {name: resources.resources()[name]["Properties"] for name in ("DispatchQueue", "DeliveryQueue")}
ARN = {"Fn::GetAtt": ["LastResortQueue", "Arn"]}
RECEIVES = 5
VISIBILITY = timedelta(seconds=180)


@pytest.mark.parametrize("queue", SOURCES)
def test_a_message_of_a_queue_goes_there_after_five_times(queue):
    assert SOURCES[queue]["RedrivePolicy"] == {"deadLetterTargetArn": ARN, "maxReceiveCount": RECEIVES}
    assert SOURCES[queue]["VisibilityTimeout"] == VISIBILITY.total_seconds()


def test_every_queue_that_invokes_a_function_has_it():
    invoking = {
        name
        for each in resources.resources().values()
        if each["Type"] == "AWS::Lambda::EventSourceMapping"
        for name in resources.named(each["Properties"]["EventSourceArn"])
    }
    assert invoking == SOURCES.keys()


def test_it_is_encrypted_and_keeps_what_it_gets_for_fourteen_days():
    assert LAST == {"MessageRetentionPeriod": 14 * 86_400, "SqsManagedSseEnabled": True}


def test_maintain_leaves_there_what_failed_each_time():
    [destination] = [
        each["Properties"]
        for each in resources.resources().values()
        if each["Type"] == "AWS::Lambda::EventInvokeConfig"
    ]
    assert resources.named(destination["FunctionName"]) == {"Maintain"}
    assert destination["DestinationConfig"] == {"OnFailure": {"Destination": ARN}}


def test_no_function_reads_it():
    users = {name for name, each in resources.functions().items() if "LastResortQueue" in json.dumps(each)}
    assert users == set()
    assert not any("LastResort" in file.read_text() for file in MODULES.values())


def test_a_job_that_comes_back_is_answered_before_its_last_time(queues, subscribed):
    """Deliver has no time for it at first; after four minutes it answers that the job is too old."""
    dispatch(wake_up(topic="orders"))
    [job] = queues.delivery.take()
    returned = 0
    while deliver_late(job, returned * VISIBILITY):
        returned += 1
    assert returned == 2 < RECEIVES
    assert [outcome["action"] for each in queues.dispatch.sent() for outcome in each.get("outcomes", [])] == ["expired"]


def deliver_late(job, passed):
    """Deliver a job so long after its planning, with no time for a POST; return whether SQS must show it again."""
    body = json.loads(job["body"])
    planned_at = datetime.fromisoformat(body["planned_at"]) - passed
    body["planned_at"] = planned_at.astimezone(UTC).isoformat()
    return bool(invoke("deliver", [record(body)], seconds=3))


def test_a_job_is_too_old_long_before_its_last_time():
    assert worker.MAX_JOB_AGE < (RECEIVES - 1) * VISIBILITY


def test_an_early_wake_up_is_another_message(queues):
    early = wake_up(not_before=seconds_from_now(3600))
    assert dispatch(early) == []  # it is done, and a new one waits
    assert len(queues.dispatch.sent()) == 1


def test_a_message_is_another_one_while_the_database_is_away(queues, monkeypatch):
    with monkeypatch.context() as away:
        away.setenv("DATABASE_URL", "postgresql://broker:x@127.0.0.1:1/broker")
        settings.current.cache_clear()
        database.functions.close()
        assert dispatch(wake_up(topic="orders")) == []
    settings.current.cache_clear()
    database.functions.close()
    assert queues.dispatch.sent() == [{"wake_up": {"topic": "orders"}}]


def test_what_was_redriven_after_hours_does_no_harm(orders, queues, subscribed, endpoint):
    dispatch(wake_up(topic="orders"))
    [job] = queues.delivery.take()
    assert deliver_late(job, timedelta(hours=5)) is False
    queues.run()
    assert orders.subscription(subscribed).behind == 0
    assert len(endpoint.requests) == 1
    assert deliver(job) == []  # and once more
    queues.run()
    assert orders.subscription(subscribed).behind == 0
