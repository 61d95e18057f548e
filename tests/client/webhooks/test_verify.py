"""A webhook is accepted when the broker sent it just now, and refused with a reason otherwise."""

import base64
import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone
from email.message import Message as EmailMessage
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError
from werkzeug.datastructures import Headers as WerkzeugHeaders

import pgbroker
from broker.webhooks import signatures
from pgbroker.webhooks import InvalidWebhook, sign, verify
from tests.client.webhooks.deliveries import OTHER, SECRET, WEBHOOK_ID, body, message, signed

BODY = body(message(1), message(2, key="k", attributes={"a": 1}))
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

secrets = st.binary(min_size=1, max_size=80).map(lambda key: "whsec_" + base64.b64encode(key).decode())
printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=120)


def test_a_webhook_of_the_broker_is_read():
    now = datetime.now(UTC)

    delivery = verify(BODY, signed(BODY, at=now), SECRET)

    assert delivery.webhook_id == WEBHOOK_ID
    assert delivery.sent_at == now.replace(microsecond=0)
    assert (delivery.topic, delivery.subscription) == ("orders", "0199d0c5-5a5e-7b3f-8c7e-2f1d0a9b8c7d")
    first, second = delivery.messages
    assert (first.seq, first.content, first.sender) == (1, {"order": 1, "customer": "Ästhetik"}, "shop")
    assert (first.key, first.attributes) == (None, None)
    assert (second.key, second.attributes) == ("k", {"a": 1})
    assert first.created_at == datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)
    with pytest.raises(FrozenInstanceError):
        first.seq = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    "given_as",
    [
        dict,
        lambda headers: {name.title(): value for name, value in headers.items()},
        lambda headers: {name.upper().encode(): value.encode() for name, value in headers.items()},
        lambda headers: [(name.encode(), value.encode()) for name, value in headers.items()],
        lambda headers: iter(headers.items()),
        WerkzeugHeaders,
    ],
)
def test_headers_may_be_given_in_any_form(given_as):
    assert verify(BODY, given_as(signed(BODY) | {"host": "a"}), SECRET).topic == "orders"


def test_headers_may_be_those_of_the_standard_librarys_server():
    headers = EmailMessage()
    for name, value in signed(BODY).items():
        headers[name] = value
    assert verify(BODY, headers, SECRET).topic == "orders"


def test_any_secret_of_several_fits():
    assert verify(BODY, signed(BODY, OTHER), [SECRET, OTHER]).topic == "orders"
    assert verify(BODY, signed(BODY, SECRET, OTHER), OTHER).topic == "orders"


def test_secrets_are_asked_for_at_each_request():
    known = [OTHER]
    with pytest.raises(InvalidWebhook):
        verify(BODY, signed(BODY), lambda: known)
    known.append(SECRET)
    assert verify(BODY, signed(BODY), lambda: known).topic == "orders"


@pytest.mark.parametrize("beside", ["v1", ",", "v1,", "v1a,{}", "v1,ä", "v2,x", "v1,AAAA", "\ud800"])
def test_a_signature_that_cannot_be_read_is_skipped(beside):
    headers = signed(BODY)
    signature = headers["webhook-signature"]
    for both in (f"{beside} {signature}", f"{signature} {beside}"):
        assert verify(BODY, headers | {"webhook-signature": both}, SECRET).topic == "orders"


def test_a_signature_of_another_version_does_not_count():
    headers = signed(BODY)
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v1a,")
    with pytest.raises(InvalidWebhook, match="no signature fits"):
        verify(BODY, headers, SECRET)


def test_another_secret_is_refused():
    with pytest.raises(InvalidWebhook, match="no signature fits") as refused:
        verify(BODY, signed(BODY), OTHER)
    assert refused.value.status == 503


def test_json_that_was_written_again_is_refused():
    again = msgspec.json.encode(msgspec.json.decode(BODY.replace(b":", b": ")))
    with pytest.raises(InvalidWebhook, match="the body was changed on its way"):
        verify(again, signed(BODY.replace(b":", b": ")), SECRET)


@pytest.mark.parametrize("missing", HEADERS)
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_header_is_named(missing, empty):
    headers = signed(BODY) | {missing: ""}
    if not empty:
        del headers[missing]
    with pytest.raises(InvalidWebhook, match=f"the header {missing} is missing"):
        verify(BODY, headers, SECRET)


def test_a_webhook_is_good_for_five_minutes_by_either_clock():
    now = datetime.now(UTC)
    for seconds in (290, -290):
        assert verify(BODY, signed(BODY, at=now - timedelta(seconds=seconds)), SECRET)
    with pytest.raises(InvalidWebhook, match=r"webhook-timestamp is 3\d\d s old"):
        verify(BODY, signed(BODY, at=now - timedelta(seconds=310)), SECRET)
    with pytest.raises(InvalidWebhook, match=r"webhook-timestamp is 3\d\d s in the future"):
        verify(BODY, signed(BODY, at=now + timedelta(seconds=390)), SECRET)
    assert verify(BODY, signed(BODY, at=now - timedelta(days=9)), SECRET, tolerance_seconds=1e6)


@pytest.mark.parametrize("time", ["soon", "-1", "1.5", "1e9", " 1", "٣", "9" * 11, "9" * 5000])
def test_a_time_that_is_no_number_of_seconds_is_refused(time):
    with pytest.raises(InvalidWebhook, match="webhook-timestamp is not a number"):
        verify(BODY, signed(BODY) | {"webhook-timestamp": time}, SECRET)


@pytest.mark.parametrize(
    "wrong", ["", [], [""], [SECRET, ""], "whsec_", "whsec_!", "whsec_ä", SECRET + "\n", SECRET[6:], list]
)
def test_what_is_no_secret_is_a_mistake_of_the_program(wrong):
    with pytest.raises(ValueError, match="secret") as raised:
        verify(BODY, {}, wrong)
    assert SECRET[6:] not in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b'{"topic": "orders"}',
        b'{"topic": "orders", "subscription": "s", "messages": 1}',
        body(message() | {"created_at": None}),
        body({"id": "1"}),
        b"[" * 100_000,
        body(message()).replace(b'"seq":1', b'"seq":' + b"1" * 5000),
    ],
)
def test_a_signed_body_that_is_no_delivery_is_refused_as_a_message_not_as_an_outage(content):
    with pytest.raises(InvalidWebhook, match="the body is not a delivery") as refused:
        verify(content, signed(content), SECRET)
    assert refused.value.status == 400


def test_fields_of_a_newer_broker_are_ignored():
    content = body(message() | {"priority": 1}, region="eu")
    assert verify(content, signed(content), SECRET).messages[0].seq == 1


def test_the_deepest_json_of_the_broker_is_read():
    content = body(message(content=msgspec.json.decode(b"[" * 200 + b"]" * 200)))
    assert verify(content, signed(content), SECRET)


def test_content_becomes_a_type_of_yours():
    class Order(msgspec.Struct):
        order: int
        customer: str

    class Other(TypedDict):
        price: int

    [first, *_] = verify(BODY, signed(BODY), SECRET).messages
    assert first.content_as(Order) == Order(1, "Ästhetik")
    with pytest.raises(msgspec.ValidationError, match="price"):
        first.content_as(Other)


@given(secrets, secrets, printable, st.floats(0, 1e10), st.integers(-12, 12), st.binary())
def test_the_headers_are_those_of_the_broker(first, second, webhook_id, seconds, hours, content):
    time = datetime.fromtimestamp(seconds, timezone(timedelta(hours=hours)))
    headers = sign(content, webhook_id, time, [first, second])
    assert headers == signatures.sign([first, second], webhook_id, time, content)


@given(secrets, printable, st.text(st.characters(codec="utf-8")))
def test_the_headers_are_those_of_standard_webhooks(secret, webhook_id, text):
    now = datetime.now(UTC)
    headers = sign(text.encode(), webhook_id, now, secret)
    assert headers["webhook-signature"] == Webhook(secret).sign(webhook_id, now, text)
    Webhook(secret).verify(text, headers, json_parse=False)


@given(
    changes=st.fixed_dictionaries(
        {},
        optional={
            "webhook-id": printable,
            "webhook-timestamp": st.integers(-600, 600).filter(lambda age: not 295 <= abs(age) <= 305),
            "webhook-signature": st.lists(st.sampled_from(["ours", "v1,AAAA", "v1a,AAAA", "v2,YQ=="]), min_size=1),
        },
    ),
    secret=st.sampled_from([SECRET, OTHER]),
)
def test_standard_webhooks_accepts_and_refuses_the_same(changes: dict[str, Any], secret: str) -> None:
    now = datetime.now(UTC)
    headers = signed(BODY, at=now + timedelta(seconds=changes.pop("webhook-timestamp", 0)))
    if parts := changes.pop("webhook-signature", None):
        headers["webhook-signature"] = " ".join(parts).replace("ours", headers["webhook-signature"])
    assert _accepts(BODY, headers | changes, secret) == _standard_accepts(BODY, headers | changes, secret)


def _accepts(content: bytes, headers: Any, secret: str) -> bool:
    try:
        verify(content, headers, secret)
    except InvalidWebhook:
        return False
    return True


def _standard_accepts(content: bytes, headers: dict[str, str], secret: str) -> bool:
    try:
        Webhook(secret).verify(content, headers)
    except WebhookVerificationError:
        return False
    return True


@given(st.data())
def test_one_flipped_bit_is_refused(data):
    headers = signed(BODY)
    parts = {"body": BODY, **{name: value.encode() for name, value in headers.items()}}
    name = data.draw(st.sampled_from(sorted(parts)))
    flipped = bytearray(parts[name])
    bit = data.draw(st.integers(0, 8 * len(flipped) - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    content = bytes(flipped) if name == "body" else BODY
    with pytest.raises(InvalidWebhook):
        verify(content, headers | ({} if name == "body" else {name: flipped.decode("latin-1")}), SECRET)


texts = st.one_of(st.text(), st.binary())
names = st.one_of(st.sampled_from([*HEADERS, *(name.title().encode() for name in HEADERS)]), texts)


@given(st.one_of(st.dictionaries(names, texts), st.lists(st.tuples(names, texts))), st.binary())
def test_whatever_the_headers_are_only_the_reason_is_raised(headers, content):
    with pytest.raises(InvalidWebhook):
        verify(content, headers, SECRET)


def test_to_verify_takes_the_standard_library_alone():
    """A new process without site-packages imports it and verifies; nothing of other people is loaded."""
    script = f"""
import sys
sys.path.append({str(Path(pgbroker.__file__).parents[1])!r})
from pgbroker import webhooks
webhooks.verify({BODY!r}, {signed(BODY)!r}, {SECRET!r})
known = sys.stdlib_module_names | {{"pgbroker", "__main__"}}
print({{name.partition(".")[0] for name in sys.modules}} - known)
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")
