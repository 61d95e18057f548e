"""Signatures: the reference implementation of Standard Webhooks verifies what the broker signs."""

import base64
import binascii
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from broker.webhooks import signatures

BODY = '{"topic":"orders","messages":[{"content":"für"}]}'.encode()


@pytest.fixture
def secret():
    return signatures.new_secret()


def test_a_secret_is_32_random_bytes():
    secret = signatures.new_secret()

    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert secret != signatures.new_secret()


def test_a_signed_webhook_is_verified(secret):
    headers = signatures.sign([secret], "sub.1.1-5", datetime.now(UTC), BODY)

    assert Webhook(secret).verify(BODY, headers)["topic"] == "orders"


def test_the_headers_are_those_of_the_reference_implementation(secret):
    now = datetime(2026, 11, 24, 12, 0, 0, 999_999, tzinfo=UTC)

    headers = signatures.sign([secret], "id", now, BODY)

    assert headers == {
        "webhook-id": "id",
        "webhook-timestamp": "1795521600",
        "webhook-signature": Webhook(secret).sign("id", now, BODY.decode()),
    }


def test_the_timestamp_is_right_in_any_time_zone(secret):
    local_time = datetime.now(timezone(timedelta(hours=-9)))

    headers = signatures.sign([secret], "id", local_time, BODY)

    assert headers == signatures.sign([secret], "id", local_time.astimezone(UTC), BODY)
    assert Webhook(secret).verify(BODY, headers)


def test_during_a_rotation_either_secret_verifies():
    old, new = signatures.new_secret(), signatures.new_secret()

    headers = signatures.sign([new, old], "id", datetime.now(UTC), BODY)

    assert Webhook(old).verify(BODY, headers)
    assert Webhook(new).verify(BODY, headers)


def test_another_secret_does_not_verify(secret):
    headers = signatures.sign([secret], "id", datetime.now(UTC), BODY)

    with pytest.raises(WebhookVerificationError):
        Webhook(signatures.new_secret()).verify(BODY, headers)


@pytest.mark.parametrize(
    "tampered",
    [{"webhook-id": "other"}, {"webhook-timestamp": str(int(datetime.now(UTC).timestamp()) + 9)}],
    ids=["id", "timestamp"],
)
def test_a_changed_header_does_not_verify(secret, tampered):
    headers = signatures.sign([secret], "id", datetime.now(UTC), BODY)

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers | tampered)


def test_a_changed_body_does_not_verify(secret):
    headers = signatures.sign([secret], "id", datetime.now(UTC), BODY)

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY.replace(b"orders", b"0rders"), headers)


def test_an_old_webhook_does_not_verify(secret):
    headers = signatures.sign([secret], "id", datetime.now(UTC) - timedelta(minutes=6), BODY)

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers)


def test_a_damaged_secret_signs_nothing():
    with pytest.raises(binascii.Error):
        signatures.sign(["whsec_not base64"], "id", datetime.now(UTC), BODY)
