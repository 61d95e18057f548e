"""Subscriptions over HTTP: what is refused, what is a conflict, and what is shown."""

from typing import Any

import pytest

from broker import settings
from tests.support.client import Client

SUBSCRIPTIONS = "/topics/orders/subscriptions"
URL = "http://127.0.0.1:8009/hook"


@pytest.fixture
def public_only(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ALLOW_PRIVATE_WEBHOOKS", "false")
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
def test_a_url_that_is_no_webhook_is_refused(client: Client, url: str) -> None:
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
    ("headers", "where"),
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
def test_a_header_that_may_not_be_sent_is_refused(client: Client, headers: dict[str, Any], where: list[str]) -> None:
    response = client.post(SUBSCRIPTIONS, {"url": URL, "headers": headers})
    assert response.status == 400
    assert [fault["pointer"] for fault in response.json["errors"]] == where
    assert client.get(SUBSCRIPTIONS).status == 404


def test_all_that_is_wrong_is_told_at_once(client: Client) -> None:
    response = client.post(SUBSCRIPTIONS, {"url": "ftp://a", "headers": {"host": "a"}})
    assert [fault["pointer"] for fault in response.json["errors"]] == ["/headers/host", "/url"]


def test_the_same_request_again_finds_what_stands(client: Client) -> None:
    wish = {"url": URL, "batch_size": 5, "headers": {"a": "b"}}
    made = client.post(SUBSCRIPTIONS, wish)
    assert made.status == 201
    for again in (wish, {"url": URL}, {"url": URL, "headers": {"a": "b"}}, {"url": URL, "name": URL}):
        found = client.post(SUBSCRIPTIONS, again)
        assert (found.status, found.json) == (200, {"id": made.json["id"], "broadcast": "manual"})


@pytest.mark.parametrize("other", [{"batch_size": 6}, {"headers": {}}, {"headers": {"a": "c"}}])
def test_other_settings_are_a_conflict_that_names_what_stands(client: Client, other: Any) -> None:
    made = client.post(SUBSCRIPTIONS, {"url": URL, "batch_size": 5, "headers": {"a": "b"}}).json
    response = client.post(SUBSCRIPTIONS, {"url": URL, **other})
    assert response.status == 409
    assert made["id"] in response.json["detail"]


def test_another_name_is_another_subscription(client: Client) -> None:
    first = client.post(SUBSCRIPTIONS, {"url": URL}).json["id"]
    second = client.post(SUBSCRIPTIONS, {"url": URL, "name": "second"}).json["id"]
    assert first != second
    assert client.patch(f"{SUBSCRIPTIONS}/{second}", {"name": URL}).status == 409
    assert client.delete(f"{SUBSCRIPTIONS}?url={URL}").status == 204
    assert client.get(SUBSCRIPTIONS).json["items"] == []


def test_a_change_is_checked_as_the_beginning_is(client: Client) -> None:
    made = client.post(SUBSCRIPTIONS, {"url": URL}).json["id"]
    before = client.get(f"{SUBSCRIPTIONS}/{made}").json
    for wish in (
        {"url": "ftp://a"},
        {"headers": {"host": "a"}},
        {"disabled": True},
        {"disabled": {}},
        {"paused": None},
        {"name": ""},
    ):
        assert client.patch(f"{SUBSCRIPTIONS}/{made}", wish).status == 400
    assert client.get(f"{SUBSCRIPTIONS}/{made}").json == before


def test_pausing_and_going_on_is_shown(client: Client) -> None:
    made = client.post(SUBSCRIPTIONS, {"url": URL}).json["id"]
    assert client.patch(f"{SUBSCRIPTIONS}/{made}", {"paused": True}).json["paused_at"] is not None
    assert client.patch(f"{SUBSCRIPTIONS}/{made}", {"paused": False}).json["paused_at"] is None


def test_a_subscription_is_found_under_its_own_topic_only(client: Client) -> None:
    made = client.post(SUBSCRIPTIONS, {"url": URL}).json["id"]
    for method in ("GET", "PATCH", "DELETE"):
        assert client.request(method, f"/topics/default/subscriptions/{made}").status == 404
    assert client.get(f"/topics/default/subscriptions/{made}/attempts").status == 404


def test_a_topic_in_use_is_deleted_by_force_only(client: Client) -> None:
    client.post(SUBSCRIPTIONS, {"url": URL})
    assert client.delete("/topics/orders").status == 409
    assert client.delete("/topics/orders?force=true").status == 204
    assert client.get(SUBSCRIPTIONS).status == 404
