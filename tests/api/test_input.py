"""Invalid input is refused with a pointer to each fault, and changes nothing."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.support.client import Client, Response
from tests.support.snapshots import everything

MESSAGES = "/topics/orders/messages"
UNKNOWN = "01a20ce4-07b0-7303-aece-1db29531985d"


@pytest.fixture(autouse=True)
def nothing_changes(owner: psycopg.Connection[Any]) -> Iterator[None]:
    """Check that no table changes during the test."""
    before = everything(owner)
    yield
    assert everything(owner) == before


def pointers(response: Response, status: int = 400) -> list[str]:
    assert response.status == status, response.text
    return [fault["pointer"] for fault in response.json["errors"]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"content": 1, "sender": 5}, ["/sender"]),
        ({"content": 1, "sender": ""}, ["/sender"]),
        ({"content": 1, "sender": "x" * 257}, ["/sender"]),
        ({"content": 1, "key": ["a"]}, ["/key"]),
        ({"content": 1, "attributes": "a"}, ["/attributes"]),
        ({"content": 1, "attributes": {"kind": 1}}, ["/attributes/kind"]),
        ({"content": 1, "attributes": {"": "a"}}, ["/attributes/"]),
        ({"content": 1, "attributes": {f"a/{n}": "" for n in range(101)}}, ["/attributes"]),
        ({"content": 1, "attributes": {"a/b~c": 1}}, ["/attributes/a~1b~0c"]),
        ({"content": 1, "colour": "red"}, ["/colour"]),
        ({"content": 1, "a/b~c": "red"}, ["/a~1b~0c"]),
        ({"sender": "a"}, ["/content"]),
        ({}, ["/content"]),
        ([], [""]),
        ("a", [""]),
        (None, [""]),
        ({"messages": []}, ["/messages"]),
        ({"messages": {}}, ["/messages"]),
        ({"messages": [1]}, ["/messages/0"]),
        ({"messages": [{"content": 1}], "content": 1}, ["/content"]),
        ({"messages": [{"content": n} for n in range(1001)]}, ["/messages"]),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_an_invalid_message_is_refused(client: Client, body: Any, expected: list[str]) -> None:
    assert pointers(client.post(MESSAGES, json.dumps(body))) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"content": }',
        b'{"content": NaN}',
        b'{"content": Infinity}',
        b'{"content": 01}',
        b'{"content": 1,}',
        b"{\"content\": 'a'}",
        b'{"content": "\t"}',
        b'{"content": "\\x41"}',
        b'{"content": 1} {"content": 2}',
        b'\xef\xbb\xbf{"content": 1}',
        b'{"content": "\xff"}',
        b'{"content": "\xc0\xaf"}',
        b'{"content": "\xed\xa0\x80"}',
        b'{"content": "\\u0000"}',
        b'{"content": {"\\u0000": 1}}',
        b'{"content": "\\ud800"}',
        b'{"content": "\\udc00\\ud800"}',
        b'{"content": "\\ud83d\\\\ude00"}',
        b'{"content": "\\uDBFF\\u0041"}',
        b'{"content": 1, "sender": "\\u0000"}',
        b'{"content": 1, "attributes": {"a": "\\udfff"}}',
        b'{"content": ' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"content": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"content": ' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}",
        b"<message/>",
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_postgresql_cannot_store_as_json_is_refused(client: Client, body: bytes) -> None:
    assert pointers(client.post(MESSAGES, body)) == [""]


def test_a_fault_is_found_next_to_a_number_that_is_too_large_for_python(client: Client) -> None:
    assert pointers(client.post(MESSAGES, '{"content": 1e131071, "sender": 5}')) == ["/sender"]
    assert pointers(client.post(MESSAGES, '{"content": %s, "colour": 5}' % ("9" * 5000))) == ["/colour"]
    assert pointers(client.post(MESSAGES, '{"messages": [{"content": 1e999}, {"sender": 1e999}]}')) == [
        "/messages/1/content",
        "/messages/1/sender",
    ]


def test_every_fault_is_named_with_its_pointer(client: Client) -> None:
    messages = [{"content": 1}, {"content": 1, "sender": 2, "colour": 3}, {"key": 4}]
    found = pointers(client.post(MESSAGES, {"messages": messages}))
    assert found == ["/messages/1/colour", "/messages/1/sender", "/messages/2/content", "/messages/2/key"]


def test_at_most_a_hundred_faults_are_named(client: Client) -> None:
    found = pointers(client.post(MESSAGES, {"messages": [{} for _ in range(1000)]}))
    assert found == [f"/messages/{n}/content" for n in range(100)]
    assert len(pointers(client.post("/topics/default/settle", {"ack": [f"{UNKNOWN}.1"] * 1000}))) == 100


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"content": "x" * (256 * 1024 - 1)}, [""]),
        ({"messages": [{"content": 1}, {"content": "x" * (256 * 1024 - 1)}]}, ["/messages/1"]),
        ({"content": "x" * (255 * 1024), "attributes": {"a": "x" * 1024}}, [""]),
    ],
    ids=["one message", "in a batch", "with attributes"],
)
def test_a_message_over_256_kib_is_too_large(client: Client, body: Any, expected: list[str]) -> None:
    assert pointers(client.post(MESSAGES, body), 413) == expected


@pytest.mark.parametrize("target", [MESSAGES, "/topics/default/settle", "/topics/orders/subscriptions", "/tokens"])
def test_a_request_over_4_mib_is_too_large(client: Client, target: str) -> None:
    response = client.post(target, b'{"messages": []}' + b" " * (4 * 1024 * 1024 - 15))
    assert response.status == 413
    assert response.json["type"] == "urn:pgbroker:problem:too-large"


@pytest.mark.parametrize(
    ("method", "target", "body", "expected"),
    [
        ("POST", "/topics/default/consume", {"max": 0}, ["/max"]),
        ("POST", "/topics/default/consume", {"max": 1001}, ["/max"]),
        ("POST", "/topics/default/consume", {"max": "1"}, ["/max"]),
        ("POST", "/topics/default/consume", {"max": 1.5, "wait_seconds": 21}, ["/max", "/wait_seconds"]),
        ("POST", "/topics/default/consume", {"lease_seconds": 86401}, ["/lease_seconds"]),
        ("POST", "/topics/default/consume", {"auto_ack": 1}, ["/auto_ack"]),
        ("POST", "/topics/default/consume", {"limit": 1}, ["/limit"]),
        ("POST", "/topics/default/settle", {"ack": "a"}, ["/ack"]),
        ("POST", "/topics/default/settle", {"ack": ["a", UNKNOWN, f"{UNKNOWN}.0"]}, ["/ack/0", "/ack/1", "/ack/2"]),
        ("POST", "/topics/default/settle", {"ack": [f"{UNKNOWN}.1\n"]}, ["/ack/0"]),
        (
            "POST",
            "/topics/default/settle",
            {"release": [{"receipt": f"{UNKNOWN}.1", "delay_seconds": -1}]},
            ["/release/0/delay_seconds"],
        ),
        ("POST", "/topics/default/settle", {"extend": [{"lease_seconds": 1}]}, ["/extend/0/receipt"]),
        (
            "POST",
            "/topics/default/settle",
            {"reject": [{"receipt": f"{UNKNOWN}.1", "reason": ""}]},
            ["/reject/0/reason"],
        ),
        ("POST", "/topics/default/settle", {"ack": [f"{UNKNOWN}.1"] * 2}, ["/ack/1"]),
        (
            "POST",
            "/topics/default/settle",
            {"ack": [f"{UNKNOWN}.1"], "reject": [{"receipt": f"{UNKNOWN}.1"}]},
            ["/reject/0"],
        ),
        ("POST", "/topics/default/settle", {"ack": [f"{UNKNOWN}.{n}" for n in range(1, 1002)]}, [""]),
        ("PUT", "/topics/orders", {"lease_seconds": 0, "max_receives": 1001}, ["/lease_seconds", "/max_receives"]),
        ("PUT", "/topics/orders", {"dead_days": 0}, ["/dead_days"]),
        ("PUT", "/topics/orders", {"broadcast": "often"}, ["/broadcast"]),
        ("POST", f"/topics/default/messages/{UNKNOWN}/resend", {}, ["/subscription"]),
        ("POST", f"/topics/default/messages/{UNKNOWN}/resend", {"subscription": "s"}, ["/subscription"]),
        ("PATCH", "/topics/default", {"name": "other"}, ["/name"]),
        ("PATCH", "/topics/default", {"lease_seconds": None}, ["/lease_seconds"]),
        ("PATCH", "/topics/default", {"dead_days": 366}, ["/dead_days"]),
        ("POST", "/tokens", {}, ["/name", "/scopes"]),
        ("POST", "/tokens", {"name": "a b", "scopes": []}, ["/name", "/scopes"]),
        ("POST", "/tokens", {"name": "a\n", "scopes": ["publish"]}, ["/name"]),
        ("POST", "/tokens", {"name": "a", "scopes": ["publish", "everything"]}, ["/scopes/1"]),
        (
            "POST",
            "/tokens",
            {"name": "a", "scopes": ["publish"], "topics": ["a*b", "**", ""]},
            ["/topics/0", "/topics/1", "/topics/2"],
        ),
        ("POST", "/tokens", {"name": "a", "scopes": ["publish"], "topics": []}, ["/topics"]),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
def test_an_invalid_request_is_refused(
    client: Client, method: str, target: str, body: Any, expected: list[str]
) -> None:
    assert pointers(client.request(method, target, body)) == expected
