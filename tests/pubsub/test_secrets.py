"""Rotations: which secrets sign a planned batch, and until when."""

from datetime import UTC, datetime

import pytest

from broker.dispatch import planner
from broker.errors import NotFound
from broker.pubsub import secrets
from broker.webhooks import signatures

pytestmark = pytest.mark.verbs

URL = "http://127.0.0.1:8000/"


def signing_secrets(*known):
    """The known secrets that sign a batch planned now, in the order of its signatures; None is one not known."""
    [job] = planner.plan(10)
    moment = datetime.fromtimestamp(int(job.headers["webhook-timestamp"]), UTC)
    signed = {
        signatures.sign([each], job.webhook_id, moment, job.body.encode())["webhook-signature"]: each for each in known
    }
    return [signed.get(signature) for signature in job.headers["webhook-signature"].split()]


@pytest.fixture
def subscribed(orders):
    """A subscription with one undelivered message."""
    subscribed = orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    return subscribed


def rotate(subscribed, **request):
    return secrets.rotate_secret("orders", subscribed.id, secrets.Rotate(**request))


def test_both_secrets_sign_during_a_rotation(orders, subscribed):
    rotated = rotate(subscribed)
    assert rotated.secret != subscribed.secret
    assert orders.subscription(subscribed).old_secrets_until == rotated.old_secrets_until
    assert signing_secrets(subscribed.secret, rotated.secret) == [rotated.secret, subscribed.secret]


def test_after_the_overlap_only_the_new_secret_signs(orders, subscribed, owner):
    rotated = rotate(subscribed, overlap_seconds=60)
    owner.execute("UPDATE subscriptions SET old_secrets_until = now() - interval '1 s'")
    assert orders.subscription(subscribed).old_secrets_until is None
    assert signing_secrets(subscribed.secret, rotated.secret) == [rotated.secret]
    again = rotate(subscribed)
    orders.end_waits()
    assert signing_secrets(subscribed.secret, rotated.secret, again.secret) == [again.secret, rotated.secret]


def test_without_an_overlap_the_old_secret_no_longer_signs(subscribed):
    rotated = rotate(subscribed, overlap_seconds=0)
    assert rotated.old_secrets_until is None
    assert signing_secrets(subscribed.secret, rotated.secret) == [rotated.secret]


def test_at_most_five_secrets_sign(subscribed):
    _, *last_five = [rotate(subscribed).secret for _ in range(6)]
    assert signing_secrets(*last_five) == last_five[::-1]


def test_a_secret_is_rotated_in_the_topic_of_its_subscription_only(orders, invoices, subscribed):
    invoices.publish("a")
    with pytest.raises(NotFound, match="no such subscription"):
        secrets.rotate_secret("invoices", subscribed.id, secrets.Rotate())
