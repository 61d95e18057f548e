"""What each answer makes the broker do, decided by the broker's own code."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from broker.transport.payloads import Job, Outcome
from broker.webhooks import outcomes
from broker.webhooks.transfer import Response
from pgbroker.webhooks import Answer, InvalidWebhook, abort, failed, gone, later, ok, slow_down, verify
from tests.client.webhooks.deliveries import OTHER, SECRET, body, message, signed

FIRST, SECOND = UUID(int=1), UUID(int=2)


def judged(answer: Answer, redelivery: UUID | None = None) -> Outcome:
    job = Job(FIRST, 1, "http://a/", {}, "id", 1, 2, 1, None, ordered=False, redelivery=redelivery, body="{}")
    second = timedelta(seconds=1)
    return outcomes.judge(job, Response(answer.status, None, answer.headers, answer.body, datetime.now(UTC), second))


def test_ok_delivers_all():
    assert (judged(ok()).action, judged(ok()).refused) == ("delivered", None)


def test_failed_names_the_messages_to_send_again():
    outcome = judged(failed([str(SECOND)]))
    assert (outcome.action, outcome.refused) == ("delivered", [SECOND])
    assert judged(failed([])).refused is None
    assert judged(failed([str(SECOND)]), redelivery=SECOND).action == "retry"


@pytest.mark.parametrize("wrong", [1, "1", "", None])
def test_failed_takes_ids_only(wrong):
    with pytest.raises(ValueError, match="UUID"):
        failed([str(FIRST), wrong])


def test_abort_makes_dead_letters():
    outcome = judged(abort("no such customer"))
    assert (outcome.action, outcome.retry_seconds) == ("refused", None)
    assert outcome.answer == "no such customer"
    assert judged(abort(), redelivery=SECOND).action == "dead"


def test_slow_down_waits_and_counts_as_no_attempt():
    assert (judged(slow_down(90)).action, judged(slow_down(90)).retry_seconds) == ("slow", 90)
    assert judged(slow_down(0.2)).retry_seconds == 1
    half_a_minute = judged(slow_down()).retry_seconds
    assert half_a_minute
    assert 27 <= half_a_minute <= 33


def test_later_sends_the_batch_again():
    assert (judged(later(3600)).action, judged(later(3600)).retry_seconds) == ("retry", 3600)
    assert judged(later()).action == "retry"
    assert judged(later(-1)).action == "retry"


def test_gone_disables_the_subscription():
    assert judged(gone()).action == "disable"


def test_with_a_wrong_secret_the_batch_is_sent_again():
    content = body(message())
    with pytest.raises(InvalidWebhook) as refused:
        verify(content, signed(content), OTHER)
    assert judged(Answer(refused.value.status)).action == "retry"


def test_a_body_that_cannot_be_read_is_refused_so_its_messages_come_one_by_one():
    with pytest.raises(InvalidWebhook) as refused:
        verify(b"{}", signed(b"{}"), SECRET)
    assert judged(Answer(refused.value.status)).action == "refused"
