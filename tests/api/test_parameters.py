"""A faulty path or query parameter is named in the problem, and a missing resource is not found."""

import pytest

from tests.support.client import Client

UNKNOWN = "01a20ce4-07b0-7303-aece-1db29531985d"


@pytest.mark.parametrize(
    ("target", "parameter"),
    [
        ("/topics?limit=0", "limit"),
        ("/topics?limit=1001", "limit"),
        ("/topics?limit=ten", "limit"),
        ("/topics?limit=", "limit"),
        ("/topics?page=2", "page"),
        ("/topics?after=%00", "after"),
        ("/topics?search=", "search"),
        ("/topics?search=a%20b", "search"),
        ("/topics/default/messages?after=1", "after"),
        (f"/topics/default/messages?after=9999999999999999999.{UNKNOWN}", "after"),
        (f"/topics/default/messages?after=999999999999999999.{UNKNOWN}", "after"),
        ("/topics/default/messages?after=null", "after"),
        ("/topics/default/messages?since=0", "since"),
        ("/topics/default/messages?until=null", "until"),
        ("/topics/default/dead-letters?until=0.5", "until"),
        ("/topics/default/subscriptions?after=1", "after"),
        ("/topics/default/subscriptions?after=null", "after"),
        (f"/topics/default/subscriptions/{UNKNOWN}/attempts?after=x", "after"),
        (f"/topics/default/subscriptions/{UNKNOWN}/attempts?after=NULL", "after"),
        (f"/topics/default/subscriptions/{UNKNOWN}/attempts?after={2**53}", "after"),
        (f"/topics/default/subscriptions/{UNKNOWN}/attempts?seq=0", "seq"),
        (f"/topics/default/subscriptions/{UNKNOWN}/attempts?seq={2**53}", "seq"),
        (f"/topics/default/subscriptions/{UNKNOWN}/attempts?failed=perhaps", "failed"),
        ("/tokens?after=%0A", "after"),
        ("/health?database=perhaps", "database"),
        ("/topics/a%20b", "topic"),
        ("/topics/orders%0A", "topic"),
        ("/topics/%C3%A9", "topic"),
        ("/topics/%00", "topic"),
        ("/topics/" + "x" * 129, "topic"),
        ("/topics/default/messages/1", "id"),
        ("/topics/default/messages/" + "z" * 36, "id"),
        ("/topics/default/subscriptions/1", "id"),
        ("/tokens/1", "id"),
        ("/find/1", "id"),
        ("/topics/default/history?after=1", "after"),
        ("/topics/default/history?since=1", "since"),
        ("/topics/default/rates?since=1", "since"),
        ("/topics/default/rates?since=2999-01-01T00:00:00Z", "since"),
        ("/topics/default/rates?since=2026-11-24T09:30:00Z&until=2026-11-24T09:30:00Z", "since"),
        ("/topics/default/rates?until=1969-12-31T23:59:59Z", "since"),
        ("/topics/default/rates?step_seconds=0", "step_seconds"),
        ("/topics/default/rates?step_seconds=29", "step_seconds"),
        ("/topics/default/rates?subscription=x", "subscription"),
    ],
)
def test_a_faulty_parameter_is_named(client: Client, target: str, parameter: str) -> None:
    response = client.get(target)
    assert response.status == 400, response.text
    assert [fault["parameter"] for fault in response.json["errors"]] == [parameter]


@pytest.mark.parametrize(
    ("method", "target", "parameter"),
    [
        ("PUT", "/topics/orders%0A", "topic"),
        ("POST", "/topics/orders%0A/messages", "topic"),
        ("POST", "/topics/orders%0A/broadcast", "topic"),
        ("POST", "/topics/default/broadcast?dry_run=perhaps", "dry_run"),
        ("DELETE", "/topics/default?force=maybe", "force"),
        ("DELETE", "/topics/default/leases/1", "receipt"),
        ("DELETE", f"/topics/default/leases/{UNKNOWN}.1%0A", "receipt"),
        ("DELETE", "/topics/default/subscriptions", "url"),
        ("DELETE", "/topics/default/subscriptions?url=%00", "url"),
        ("DELETE", "/topics/default/dead-letters?until=1795512601", "until"),
        ("DELETE", "/tokens/admin", "id"),
    ],
)
def test_a_faulty_parameter_of_a_write_is_named(client: Client, method: str, target: str, parameter: str) -> None:
    response = client.request(method, target, '{"content": 1}' if method == "POST" else None)
    assert response.status == 400, response.text
    assert [fault["parameter"] for fault in response.json["errors"]] == [parameter]


def test_a_time_with_an_unknown_utc_offset_is_refused(client: Client) -> None:
    assert client.get("/topics/default/messages?since=2026-11-24T09:30:00%2B22:53").status == 400


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/topics/nowhere"),
        ("PATCH", "/topics/nowhere"),
        ("DELETE", "/topics/nowhere"),
        ("GET", "/topics/nowhere/messages"),
        ("GET", f"/topics/nowhere/messages/{UNKNOWN}"),
        ("GET", f"/topics/default/messages/{UNKNOWN}"),
        ("POST", "/topics/nowhere/consume"),
        ("POST", "/topics/nowhere/settle"),
        ("DELETE", f"/topics/nowhere/leases/{UNKNOWN}.1"),
        ("GET", "/topics/nowhere/subscriptions"),
        ("GET", f"/topics/default/subscriptions/{UNKNOWN}"),
        ("PATCH", f"/topics/default/subscriptions/{UNKNOWN}"),
        ("DELETE", f"/topics/default/subscriptions/{UNKNOWN}"),
        ("DELETE", "/topics/default/subscriptions?url=http://nowhere"),
        ("GET", f"/topics/default/subscriptions/{UNKNOWN}/attempts"),
        ("POST", f"/topics/default/subscriptions/{UNKNOWN}/test"),
        ("POST", "/topics/nowhere/broadcast"),
        ("GET", f"/find/{UNKNOWN}"),
        ("GET", "/topics/nowhere/history"),
        ("GET", "/topics/nowhere/rates"),
        ("GET", f"/topics/default/rates?subscription={UNKNOWN}"),
        ("GET", f"/tokens/{UNKNOWN}"),
        ("DELETE", f"/tokens/{UNKNOWN}"),
    ],
)
def test_a_missing_resource_is_not_found(client: Client, method: str, target: str) -> None:
    response = client.request(method, target)
    assert response.status == 404
    assert response.json["type"] == "urn:pgbroker:problem:not-found"
