"""Rotations: which secrets sign what is planned, and until when."""

from datetime import UTC, datetime

import pytest

from broker.dispatch import planner
from broker.errors import NotFound
from broker.pubsub import secrets
from broker.webhooks import signatures

pytestmark = pytest.mark.verbs

URL = "http://127.0.0.1:8000/"


def signing(*known):
    """Which of these secrets sign a batch that is planned now, in their order; None stands for another."""
    [job] = planner.plan(None, 10)
    moment = datetime.fromtimestamp(int(job.headers["webhook-timestamp"]), UTC)
    signed = {
        signatures.sign([each], job.webhook_id, moment, job.body.encode())["webhook-signature"]: each for each in known
    }
    return [signed.get(signature) for signature in job.headers["webhook-signature"].split()]


@pytest.fixture
def owed(orders):
    subscribed = orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    return subscribed


def rotate(subscribed, **wish):
    return secrets.rotate_secret("orders", subscribed.id, secrets.Rotate(**wish))


def test_both_secrets_sign_during_a_rotation(orders, owed):
    rotated = rotate(owed)
    assert rotated.secret != owed.secret
    assert orders.subscription(owed).old_secrets_until == rotated.old_secrets_until
    assert signing(owed.secret, rotated.secret) == [rotated.secret, owed.secret]


def test_after_the_overlap_only_the_new_secret_signs(orders, owed, owner):
    rotated = rotate(owed, overlap_seconds=60)
    owner.execute("UPDATE subscriptions SET old_secrets_until = now() - interval '1 s'")
    assert orders.subscription(owed).old_secrets_until is None
    assert signing(owed.secret, rotated.secret) == [rotated.secret]
    again = rotate(owed)
    orders.end_waits()
    assert signing(owed.secret, rotated.secret, again.secret) == [again.secret, rotated.secret]


def test_without_an_overlap_the_old_secret_is_void_at_once(owed):
    rotated = rotate(owed, overlap_seconds=0)
    assert rotated.old_secrets_until is None
    assert signing(owed.secret, rotated.secret) == [rotated.secret]


def test_five_secrets_sign_at_most(owed):
    _, *last_five = [rotate(owed).secret for _ in range(6)]
    assert signing(*last_five) == last_five[::-1]


def test_a_secret_of_no_subscription_is_not_rotated(orders, invoices, owed):
    invoices.publish("a")
    with pytest.raises(NotFound, match="no such subscription"):
        secrets.rotate_secret("invoices", owed.id, secrets.Rotate())
