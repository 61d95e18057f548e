"""The requests of the README, sent to `sam local start-api`."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.sam.clients import Remote
from tests.support.client import make_token
from tests.support.endpoints import Endpoint


def test_published_messages_are_consumed_and_settled(api: Remote) -> None:
    one = {"content": {"order": 1}, "sender": "shop", "attributes": {"kind": "new"}}
    first = api.post("/topics/orders/messages", one)
    rest = api.post("/topics/orders/messages", {"messages": [{"content": {"order": 2}}, {"content": {"order": 3}}]})
    assert (first.status, rest.status) == (201, 201)

    leased = api.post("/topics/orders/consume", {"max": 2, "lease_seconds": 60, "wait_seconds": 5}).json["messages"]
    assert [message["id"] for message in leased] == [first.json["id"], rest.json["ids"][0]]
    assert leased[0]["content"] == {"order": 1}

    settled = api.post("/topics/orders/settle", {"ack": [leased[0]["receipt"]]}).json
    assert settled["acked"] == 1
    assert api.delete(f"/topics/orders/leases/{leased[1]['receipt']}").status == 204
    [left] = api.get("/topics/orders/messages").json["items"]
    assert left["id"] == rest.json["ids"][1]


def test_a_publish_with_a_known_idempotency_key_is_replayed(api: Remote) -> None:
    headers = {"Idempotency-Key": "import-7"}
    once, again = (api.post("/topics/imports/messages", {"content": 1}, headers=headers) for _ in range(2))
    assert once.json == again.json
    assert "Idempotency-Replayed" not in once.headers
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_consume_waits_for_a_message_that_is_published_later(api: Remote) -> None:
    api.put("/topics/quiet", {})
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(api.post, "/topics/quiet/consume", {"wait_seconds": 10})
        published = api.post("/topics/quiet/messages", {"content": 1}).json
        [message] = waiting.result().json["messages"]
    assert message["id"] == published["id"]


def test_a_broadcast_reaches_both_endpoints(api: Remote, webhooks: tuple[Endpoint, Endpoint]) -> None:
    for webhook in webhooks:
        assert api.post("/topics/news/subscriptions", {"url": webhook.url}).status == 201
    api.post("/topics/news/messages", {"content": "hello, both"})

    moved = api.post("/topics/news/broadcast")

    assert (moved.status, moved.json["messages"], moved.json["subscriptions"]) == (202, 1, 2)
    for webhook in webhooks:
        [received] = webhook.wait_for(1)
        assert [message["content"] for message in json.loads(received.body)["messages"]] == ["hello, both"]
        assert received.headers["webhook-signature"].startswith("v1,")
        assert api.delete(f"/topics/news/subscriptions?url={webhook.url}").status == 204
    assert api.get("/topics/news/subscriptions").json["items"] == []


def test_the_console_is_a_page_and_its_files(api: Remote) -> None:
    page = requests.get(f"{api.url}/console", timeout=60)
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    files = set(re.findall(r'(?:src|href)="(console/[\w.]+)"', page.text))
    assert files == {"console/icon.svg", "console/console.css", "console/console.js", "console/vendor.js"}
    for file in sorted(files):
        compressed, plain = (
            requests.get(f"{api.url}/{file}", headers={"Accept-Encoding": coding}, timeout=60)
            for coding in ("gzip", "identity")
        )
        assert (compressed.headers.get("Content-Encoding"), plain.headers.get("Content-Encoding")) == ("gzip", None)
        assert compressed.content == plain.content
        known = {"If-None-Match": plain.headers["ETag"]}
        assert requests.get(f"{api.url}/{file}", headers=known, timeout=60).status_code == 304


def test_a_request_without_a_valid_token_is_refused(api: Remote) -> None:
    for token in (None, make_token("b")):
        refused = Remote(api.url, token).get("/topics")
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_token_permits_only_its_scopes_and_topics(api: Remote) -> None:
    token = {"name": "shop", "scopes": ["publish"], "topics": ["shop.*"]}
    shop = Remote(api.url, api.post("/tokens", token).json["token"])
    assert shop.post("/topics/shop.orders/messages", {"content": 1}).status == 201
    assert shop.post("/topics/invoices/messages", {"content": 1}).status == 403
    assert shop.post("/topics/shop.orders/consume").status == 403


def test_text_of_any_script_is_returned_unchanged(api: Remote) -> None:
    text = "Größe \N{SNOWMAN} \N{GRINNING FACE}"
    api.post("/topics/scripts/messages", json.dumps({"content": text}, ensure_ascii=False).encode())
    [message] = api.post("/topics/scripts/consume").json["messages"]
    assert message["content"] == text
