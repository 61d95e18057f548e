"""The arguments of the SQL door have the bounds of HTTP; a fault is refused with a pointer, and changes nothing."""

import json

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.errors import BrokerError
from broker.queue import leases, messages
from tests.support.snapshots import everything

RECEIPT = "0198a3b0-0000-7000-8000-000000000000.1"
PUBLISH = "SELECT broker.publish_batch('orders', %s::json)"
SETTLE = "SELECT broker.settle('default', %s::json)"
COMPARE = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def refusal(session, statement, *values):
    """The faults of the refusal; None when the call is not refused."""
    try:
        session.execute(statement, values)
    except psycopg.DatabaseError as error:
        if error.sqlstate != "MB400":
            raise
        return json.loads(error.diag.message_detail)
    return None


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        ("publish('orders', NULL)", "p_content"),
        ("publish('no name', '1')", "p_topic"),
        ("publish(NULL, '1')", "p_topic"),
        ("publish('orders', '1', '')", "p_sender"),
        ("publish('orders', '1', repeat('x', 2000000))", "p_sender"),
        ("publish_batch('orders', NULL)", "p_messages"),
        ("publish_batch('orders', '{}')", "p_messages"),
        ("publish_batch('orders', '[]')", "p_messages"),
        ("publish_batch('orders', (SELECT json_agg(n) FROM generate_series(1, 1001) n))", "p_messages"),
        ("publish_batch('orders', '[{\"content\": 1}]', NULL, '')", "p_idempotency_key"),
        ("publish_batch('orders', '[{\"content\": 1}]', NULL, 'a b')", "p_idempotency_key"),
        ("publish_batch('orders', '[{\"content\": 1}]', NULL, repeat('k', 257))", "p_idempotency_key"),
        ("consume('default', NULL)", "p_max"),
        ("consume('default', 0)", "p_max"),
        ("consume('default', 1001)", "p_max"),
        ("consume('default', 1, 0)", "p_lease_seconds"),
        ("consume('default', 1, -1000)", "p_lease_seconds"),
        ("consume('default', 1, 86401)", "p_lease_seconds"),
        ("consume('default', p_auto_ack => NULL)", "p_auto_ack"),
        ("consume('default', p_max_bytes => 0)", "p_max_bytes"),
        ("settle('default', NULL)", "p_receipts"),
        ("settle('default', '[]')", "p_receipts"),
        ("settle('orders', json_build_object('ack', array_to_json(array_fill(0, ARRAY[1001]))))", "p_receipts"),
        ("broadcast('default', NULL, 0)", "p_limit"),
        ("broadcast('default', NULL, 10001)", "p_limit"),
        ("broadcast('default', p_skip => NULL)", "p_skip"),
        ("broadcast('default', p_open_window => NULL)", "p_open_window"),
    ],
)  # fmt: skip
def test_an_argument_out_of_its_bounds_is_refused_and_nothing_changes(session, owner, call, parameter):
    before = everything(owner)
    [fault] = refusal(session(), f"SELECT broker.{call}")
    assert fault["parameter"] == parameter
    assert everything(owner) == before


@pytest.mark.parametrize(
    ("message", "pointers"),
    [
        ("null", [""]),
        ("[]", [""]),
        ("{}", [""]),
        ('{"content": 1, "sender": "", "key": 7}', ["/sender", "/key"]),
        ('{"content": 1, "attributes": [], "a/b~c": 1, "type": null}', ["/attributes", "/a~1b~0c", "/type"]),
        ('{"content": 1, "attributes": {"a": 1}}', ["/attributes"]),
        ('{"content": 1, "attributes": {"": "a"}}', ["/attributes"]),
    ],
)  # fmt: skip
def test_each_fault_of_a_message_has_a_pointer(session, owner, message, pointers):
    before = everything(owner)
    faults = refusal(session(), PUBLISH, f'[{{"content": 1}}, {message}]')
    assert [fault["pointer"] for fault in faults] == [f"/messages/1{pointer}" for pointer in pointers]
    assert everything(owner) == before


@pytest.mark.parametrize(
    ("receipts", "pointers"),
    [
        ('{"acks": [], "ack": {}}', ["/acks", "/ack"]),
        ('{"ack": [null, "a", {}, {"receipt": 1}]}', ["/ack/0", "/ack/1", "/ack/2/receipt", "/ack/3/receipt"]),
        (f'{{"ack": [{{"receipt": "{RECEIPT}", "delay_seconds": 1}}]}}', ["/ack/0/delay_seconds"]),
        (f'{{"release": [{{"receipt": "{RECEIPT}", "delay_seconds": -1}}]}}', ["/release/0/delay_seconds"]),
        (f'{{"release": [{{"receipt": "{RECEIPT}", "delay_seconds": 31536001}}]}}', ["/release/0/delay_seconds"]),
        (f'{{"extend": [{{"receipt": "{RECEIPT}", "lease_seconds": 0}}]}}', ["/extend/0/lease_seconds"]),
        (f'{{"extend": [{{"receipt": "{RECEIPT}", "lease_seconds": 86401}}]}}', ["/extend/0/lease_seconds"]),
        (f'{{"reject": [{{"receipt": "{RECEIPT}", "reason": ""}}]}}', ["/reject/0/reason"]),
        (f'{{"reject": [{{"receipt": "{RECEIPT}", "reason": "{"x" * 1001}"}}]}}', ["/reject/0/reason"]),
    ],
)
def test_each_fault_of_a_settle_has_a_pointer(session, receipts, pointers):
    assert [fault["pointer"] for fault in refusal(session(), SETTLE, receipts)] == pointers


def test_at_most_a_hundred_faults_are_named(session):
    assert len(refusal(session(), PUBLISH, json.dumps([1] * 500))) == 100
    assert len(refusal(session(), SETTLE, json.dumps({"ack": [1] * 500}))) == 100


TEXTS = st.one_of(st.sampled_from(["", "é" * 256, "😀" * 257, "a/b~"]), st.none(), st.integers(-1, 1))
ATTRIBUTES = st.one_of(
    st.none(),
    st.just([]),
    st.integers(99, 101).map(lambda count: {str(n): "" for n in range(count)}),
    st.dictionaries(st.sampled_from(["", "a", "b" * 256, "c" * 257]), st.sampled_from(["", "x", 1, None]), max_size=2),
)
MESSAGES = st.one_of(
    st.sampled_from([None, 1, "text", []]),
    st.fixed_dictionaries(
        {},
        optional={"content": st.just(1), "sender": TEXTS, "key": TEXTS, "attributes": ATTRIBUTES, "keys": st.just(1)},
    ),
)
SECONDS = st.one_of(st.sampled_from([-1, 0, 1, 86_400, 86_401, 31_536_000, 31_536_001, 2**40]), st.none(), st.just("1"))
ITEMS = st.one_of(
    st.sampled_from([RECEIPT, RECEIPT.upper(), "", RECEIPT + "\n", RECEIPT + "0" * 9, RECEIPT[:-1] + "0", None, 1, []]),
    st.fixed_dictionaries(
        {},
        optional={
            "receipt": st.sampled_from([RECEIPT, "a", None, 1]),
            "delay_seconds": SECONDS,
            "lease_seconds": SECONDS,
            "reason": st.sampled_from(["", "é" * 1000, "é" * 1001, None, 1]),
            "reasons": st.just(1),
        },
    ),
)  # fmt: skip
LISTS = st.one_of(st.lists(ITEMS, max_size=2), st.sampled_from([None, {}, "text"]))


@COMPARE
@given(st.lists(MESSAGES, min_size=1, max_size=3))
def test_sql_refuses_the_messages_that_http_refuses(session, given_messages):
    document = json.dumps({"messages": given_messages})
    try:
        messages.publication(document.encode())
        http = True
    except BrokerError:
        http = False
    with session() as connection:
        assert (refusal(connection, PUBLISH, json.dumps(given_messages)) is None) == http


@COMPARE
@given(st.dictionaries(st.sampled_from(["ack", "release", "extend", "reject", "nack"]), LISTS, max_size=2))
def test_sql_refuses_the_receipts_that_http_refuses(owner, receipts):
    try:
        msgspec.json.decode(json.dumps(receipts), type=leases.Settle)
        http = True
    except msgspec.ValidationError:
        http = False
    check = "SELECT check_receipts(%s::json)"
    assert (refusal(owner, check, json.dumps(receipts)) is None) == http
