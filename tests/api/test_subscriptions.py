"""Subscriptions over HTTP: which requests are refused, which are a conflict, and what the responses show."""

from typing import Any

import pytest

from broker import settings
from tests.support.client import Client

SUBSCRIPTIONS = "/topics/orders/subscriptions"
URL = "http://127.0.0.1:8009/hook"


@pytest.fixture
def public_only(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Allow webhooks at public addresses only."""
    monkeypatch.setenv("OPTIONS", "{}")
    settings.current.cache_clear()
    yield
    settings.current.cache_clear()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//example.com",
        "http://",
        "https:///hook",
        "http://user:password@example.com/",
        "http://@example.com/",
        "http://example.com/#part",
        "http://example.com/a b",
        "http://example.com/\r\nX: 1",
        "http://example.com/\n",
        "http://exämple.com/",
        "http://example.com:22/",
        "http://example.com:99999/",
        "http://[::1/",
        "http://exa_mple!.com/",
        "http://example.com/" + "x" * 2048,
    ],
)
def test_an_invalid_webhook_url_is_refused(client: Client, url: str) -> None:
    for response in (client.post(SUBSCRIPTIONS, {"url": url}), client.post(SUBSCRIPTIONS, {"url": url, "name": "a"})):
        assert response.status == 400
        assert [fault["pointer"] for fault in response.json["errors"]] == ["/url"]
    assert client.get(SUBSCRIPTIONS).status == 404


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "a.localhost.",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0x7f.1",
        "2130706433",
    ],
)
@pytest.mark.usefixtures("public_only")
def test_a_private_address_is_refused(client: Client, host: str) -> None:
    response = client.post(SUBSCRIPTIONS, {"url": f"http://{host}/hook"})
    assert response.status == 400
    assert response.json["errors"] == [{"pointer": "/url", "detail": "the url's host is not a public address"}]


@pytest.mark.parametrize(
    ("headers", "pointers"),
    [
        ({"Host": "a"}, ["/headers/Host"]),
        ({"content-length": "1", "TE": "trailers"}, ["/headers/content-length", "/headers/TE"]),
        ({"Webhook-Signature": "v1,a", "webhook-~": "a"}, ["/headers/Webhook-Signature", "/headers/webhook-~0"]),
        (
            {"Proxy-Authorization": "a", "transfer-encoding": "chunked"},
            ["/headers/Proxy-Authorization", "/headers/transfer-encoding"],
        ),
        ({"a b": "c"}, ["/headers/a b"]),
        ({"": "c"}, ["/headers/"]),
        ({"a/b": "c"}, ["/headers/a~1b"]),
        ({"a": "b\r\nc: d"}, ["/headers/a"]),
        ({"a": "b\n"}, ["/headers/a"]),
        ({"a\n": "b"}, ["/headers/a\n"]),
        ({"a": "é"}, ["/headers/a"]),
        ({"a": 1}, ["/headers/a"]),
        ({f"a{n}": "" for n in range(21)}, ["/headers"]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_header_that_the_broker_must_not_send_is_refused(
    client: Client, headers: dict[str, Any], pointers: list[str]
) -> None:
    response = client.post(SUBSCRIPTIONS, {"url": URL, "headers": headers})
    assert response.status == 400
    assert [fault["pointer"] for fault in response.json["errors"]] == pointers
    assert client.get(SUBSCRIPTIONS).status == 404


def test_all_faults_are_reported_at_once(client: Client) -> None:
    response = client.post(SUBSCRIPTIONS, {"url": "ftp://a", "headers": {"host": "a"}})
    assert [fault["pointer"] for fault in response.json["errors"]] == ["/headers/host", "/url"]


def test_a_repeated_subscribe_finds_the_subscription(client: Client) -> None:
    request = {"url": URL, "batch_size": 5, "headers": {"a": "b"}}
    created = client.post(SUBSCRIPTIONS, request)
    assert created.status == 201
    for repeated in (request, {"url": URL}, {"url": URL, "headers": {"a": "b"}}, {"url": URL, "name": URL}):
        found = client.post(SUBSCRIPTIONS, repeated)
        assert (found.status, found.json) == (200, {"id": created.json["id"], "broadcast": "manual"})


@pytest.mark.parametrize("other", [{"batch_size": 6}, {"headers": {}}, {"headers": {"a": "c"}}])
def test_other_settings_are_a_conflict_that_names_the_subscription(client: Client, other: Any) -> None:
    created = client.post(SUBSCRIPTIONS, {"url": URL, "batch_size": 5, "headers": {"a": "b"}}).json
    response = client.post(SUBSCRIPTIONS, {"url": URL, **other})
    assert response.status == 409
    assert created["id"] in response.json["detail"]


def test_the_same_url_with_another_name_is_another_subscription(client: Client) -> None:
    first = client.post(SUBSCRIPTIONS, {"url": URL}).json["id"]
    second = client.post(SUBSCRIPTIONS, {"url": URL, "name": "second"}).json["id"]
    assert first != second
    assert client.patch(f"{SUBSCRIPTIONS}/{second}", {"name": URL}).status == 409
    assert client.delete(f"{SUBSCRIPTIONS}?url={URL}").status == 204
    assert client.get(SUBSCRIPTIONS).json["items"] == []


def test_an_invalid_change_is_refused_and_changes_nothing(client: Client) -> None:
    subscription_id = client.post(SUBSCRIPTIONS, {"url": URL}).json["id"]
    before = client.get(f"{SUBSCRIPTIONS}/{subscription_id}").json
    for change in (
        {"url": "ftp://a"},
        {"headers": {"host": "a"}},
        {"disabled": True},
        {"disabled": {}},
        {"paused": None},
        {"name": ""},
    ):
        assert client.patch(f"{SUBSCRIPTIONS}/{subscription_id}", change).status == 400
    assert client.get(f"{SUBSCRIPTIONS}/{subscription_id}").json == before


def test_a_subscription_shows_whether_it_is_paused(client: Client) -> None:
    subscription_id = client.post(SUBSCRIPTIONS, {"url": URL}).json["id"]
    assert client.patch(f"{SUBSCRIPTIONS}/{subscription_id}", {"paused": True}).json["paused_at"] is not None
    assert client.patch(f"{SUBSCRIPTIONS}/{subscription_id}", {"paused": False}).json["paused_at"] is None


def test_a_subscription_is_found_under_its_own_topic_only(client: Client) -> None:
    subscription_id = client.post(SUBSCRIPTIONS, {"url": URL}).json["id"]
    for method in ("GET", "PATCH", "DELETE"):
        assert client.request(method, f"/topics/default/subscriptions/{subscription_id}").status == 404
    assert client.get(f"/topics/default/subscriptions/{subscription_id}/attempts").status == 404


def test_a_topic_with_subscriptions_is_deleted_by_force_only(client: Client) -> None:
    client.post(SUBSCRIPTIONS, {"url": URL})
    assert client.delete("/topics/orders").status == 409
    assert client.delete("/topics/orders?force=true").status == 204
    assert client.get(SUBSCRIPTIONS).status == 404
