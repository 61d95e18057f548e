"""tokens, and any request with api."""

from uuid import uuid4

import pytest


@pytest.fixture
def name():
    return f"shop-{uuid4().hex[:8]}"


def test_a_token_is_shown_once_and_works(run, name):
    scopes = ["--scope", "publish", "--scope", "consume"]
    minted = run("tokens", "mint", name, *scopes, "--topic", "a.*", "--expires", "90d", "--requests-per-second", "50")
    assert minted.err == "Store the token: it is not shown again.\n"
    assert (minted.item["topics"], minted.item["requests_per_second"]) == (["a.*"], 50)
    assert run("tokens", "self", TOKEN=minted.item["token"]).item["name"] == name
    assert run("tokens", "show", name).item["scopes"] == ["publish", "consume"]
    assert run("tokens", "mint", name, "--scope", "publish").code == 1
    assert run("tokens", "revoke", name, "--yes").code == 0


def test_a_token_alone_can_be_put_into_a_variable(run, name):
    minted = run("tokens", "mint", name, "--scope", "publish", "--output", "raw", "--columns", "token")
    assert minted.out.startswith("brk_")
    assert minted.out.count("\n") == 1


def test_a_token_that_is_revoked_is_refused(run, name):
    token = run("tokens", "mint", name, "--scope", "publish").item["token"]
    assert name in {each["name"] for each in run("tokens", "ls").lines}
    assert run("tokens", "revoke", name, "--yes").code == 0
    assert run("tokens", "self", TOKEN=token).code == 4
    assert run("tokens", "revoke", name, "--yes").code == 1
    assert run("tokens", "revoke", name, "--yes", "--missing-ok").code == 0


def test_any_request_can_be_sent(run, topic):
    assert run("api", "get", "/health").item == {"status": "ok"}
    assert run("api", "GET", "/").item["name"] == "pgbroker"
    stored = run("api", "POST", f"/topics/{topic}/messages", '{"content": 1}')
    assert list(stored.item) == ["id"]
    assert run("api", "POST", f"topics/{topic}/consume", "-", stdin='{"max": 5}').item["messages"][0]["content"] == 1
    once = ["api", "POST", f"/topics/{topic}/messages", '{"content": 1}', "--header", "idempotency-key: once"]
    assert run(*once).item == run(*once).item
    assert run("api", "DELETE", f"/topics/{topic}?force=true").out == ""
    assert run("api", "GET", "/nowhere").code == 1


def test_a_request_shows_no_token(run):
    refused = run("api", "GET", "/health", "--header", "Authorization: Bearer x")
    assert refused.code == 2


def test_the_body_of_a_request_is_json(run):
    assert run("api", "POST", "/topics/a/messages", "{").code == 1
