"""Published content is returned as it was sent, byte for byte."""

import json
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import contract
from tests.support.client import Client

MESSAGES, CONSUME = "/topics/orders/messages", "/topics/orders/consume"
WITH_BODY = [each for each in contract.operations().values() if "requestBody" in each.spec]
NO_DEADLINE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Any text that PostgreSQL can hold.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(TEXT, values, max_size=4),
    max_leaves=20,
)


def encode(value: Any, *, ascii_only: bool, indent: int | None) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()


class ConsumeResponse(msgspec.Struct):
    class Message(msgspec.Struct):
        content: msgspec.Raw
        attributes: msgspec.Raw

    messages: list[Message]


def consume_contents(client: Client) -> list[bytes]:
    """Take all messages, and return the bytes of their contents."""
    response = client.post(CONSUME, {"max": 1000, "auto_ack": True})
    return [bytes(each.content) for each in msgspec.json.decode(response.text, type=ConsumeResponse).messages]


@NO_DEADLINE
@given(value=JSON, ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
def test_any_json_is_returned_byte_for_byte(
    client: Client, *, value: Any, ascii_only: bool, indent: int | None
) -> None:
    content = encode(value, ascii_only=ascii_only, indent=indent)
    assert client.post(MESSAGES, b'{"content": ' + content + b"}").status == 201
    assert consume_contents(client) == [content]


@NO_DEADLINE
@given(
    st.lists(
        st.tuples(JSON, st.none() | TEXT.filter(bool), st.dictionaries(TEXT.filter(bool), TEXT, max_size=3)),
        min_size=1,
        max_size=5,
    )
)
def test_a_batch_is_returned_as_it_was_sent(
    client: Client, batch: list[tuple[Any, str | None, dict[str, str]]]
) -> None:
    messages = [{"content": content, "key": key, "attributes": attributes} for content, key, attributes in batch]
    assert client.post(MESSAGES, {"messages": messages}).status == 201
    taken = client.post(CONSUME, {"max": 1000, "auto_ack": True}).json["messages"]
    assert [(each["content"], each["key"], each["attributes"]) for each in taken] == batch


@NO_DEADLINE
@given(st.sampled_from(WITH_BODY), st.data())
def test_no_request_body_causes_an_internal_error(
    client: Client, operation: contract.Operation, data: st.DataObject
) -> None:
    schemas = contract.document()["components"]["schemas"].values()
    names = st.sampled_from(sorted({name for schema in schemas for name in schema.get("properties", {})})) | TEXT
    objects = st.dictionaries(names, JSON | st.lists(st.dictionaries(names, JSON, max_size=3), max_size=3), max_size=5)
    target = operation.path.replace("{topic}", "orders").replace("{id}", "01a20ce4-0d38-723c-9ece-1e436cad4a26")
    body = data.draw(objects | JSON | st.binary(max_size=50))
    response = client.request(operation.method, target, body if isinstance(body, bytes) else json.dumps(body))
    assert response.status < 500, body


@pytest.mark.parametrize(
    "content",
    [
        b"1e131071",
        b"-0",
        b"1E+5",
        b"0.1000",
        b"9" * 4000,
        b'"\\/\\u00e9\\ud83d\\ude00"',
        b'"\\\\u0000"',
        b'"\x7f\xc2\x85\xe2\x80\xa8\xf4\x8f\xbf\xbf"',
        b'{"b":1,"a":2,"b":3}',
        b"[ 1 ,\n\t2 ]",
        b"null",
        b"[" * 199 + b"]" * 199,
        b'{"a":' * 198 + b"[]" + b"}" * 198,
        b'"' + b"[{" * 1000 + b'"',
    ],
    ids=lambda content: repr(content[:30]),
)
def test_content_is_returned_byte_for_byte(client: Client, content: bytes) -> None:
    assert client.post(MESSAGES, b'{"content":' + content + b"}").status == 201
    assert consume_contents(client) == [content]


def test_the_last_of_two_fields_with_the_same_name_counts(client: Client) -> None:
    assert client.post(MESSAGES, '{"content": 1, "content": 2, "sender": "a", "sender": "b"}').status == 201
    [message] = client.post(CONSUME).json["messages"]
    assert (message["content"], message["sender"]) == (2, "b")


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "", "image/png"]
)
def test_the_content_type_is_ignored(client: Client, content_type: str) -> None:
    for body in ('{"content": "é"}', '{"content": "é"}'.encode()):  # as text and as base64
        assert client.post(MESSAGES, body, headers={"content-type": content_type}).status == 201
    assert consume_contents(client) == ['"é"'.encode()] * 2


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_header_names_may_be_written_in_any_case(client: Client, name: str) -> None:
    response = Client(None).post(MESSAGES, {"content": 1}, headers={name: f"Bearer {client.token}"})
    assert response.status == 201


def test_an_empty_body_counts_as_an_empty_object(client: Client) -> None:
    client.put("/topics/orders")
    assert client.post(CONSUME).json == {"messages": []}
    assert client.post(CONSUME, b"").json == {"messages": []}
    assert client.post("/topics/orders/settle", "").json["acked"] == 0


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda each: each.id)
def test_a_body_is_required_where_the_contract_says_so(client: Client, operation: contract.Operation) -> None:
    client.put("/topics/orders")
    response = client.request(operation.method, operation.path.format(topic="orders", id=uuid.uuid4()))
    assert (response.status == 400) == operation.spec["requestBody"].get("required", False)


def test_a_whole_number_may_be_written_as_a_decimal(client: Client) -> None:
    assert client.put("/topics/orders", '{"lease_seconds": 6e1, "max_receives": 7.0}').status == 201
    topic = client.get("/topics/orders").json
    assert (topic["lease_seconds"], topic["max_receives"]) == (60, 7)
    refused = client.put("/topics/orders", '{"lease_seconds": 60.0, "max_receives": 7.5}')
    assert [fault["pointer"] for fault in refused.json["errors"]] == ["/max_receives"]
