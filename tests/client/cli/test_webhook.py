"""webhook: sign a body, and verify what was received."""

import pytest

SECRET = "whsec_ZXhhbXBsZSBleGFtcGxlIGV4YW1wbGUgZXhhbXBsZSE="
BODY = """{"topic": "news", "subscription": "01a20ce4-0d38-723c-9ece-1e436cad4a26",
"messages": [{"id": "01a2", "seq": 1, "content": "hello", "sender": "admin", "key": null, "attributes": null,
"created_at": "2026-11-24T09:30:01Z"}]}"""


@pytest.fixture
def signed(run, tmp_path):
    """A body and its headers, in files."""
    (tmp_path / "body.json").write_text(BODY)
    headers = run("webhook", "sign", "--output", "raw", stdin=BODY, WEBHOOK_SECRET=SECRET).out
    (tmp_path / "headers.txt").write_text(headers)
    return ["webhook", "verify", "--file", str(tmp_path / "body.json"), "--headers", str(tmp_path / "headers.txt")]


def test_what_is_signed_is_verified(run, signed):
    verified = run(*signed, WEBHOOK_SECRET=SECRET)
    assert verified.item["content"] == "hello"
    assert verified.err.startswith("The signature fits: msg_test of news, sent at ")


def test_another_secret_or_an_old_time_is_refused(run, signed):
    refused = run(*signed, WEBHOOK_SECRET="whsec_YW5vdGhlcg==")
    assert (refused.code, "no signature fits" in refused.problem["detail"]) == (1, True)
    old = run("webhook", "sign", "--at", "1h", "--id", "x", stdin=BODY, WEBHOOK_SECRET=SECRET).item
    headers = [part for name, value in old.items() for part in ("--header", f"{name}: {value}")]
    assert run("webhook", "verify", *headers, stdin=BODY, WEBHOOK_SECRET=SECRET).code == 1
    assert run("webhook", "verify", *headers, "--tolerance", "2h", stdin=BODY, WEBHOOK_SECRET=SECRET).code == 0


def test_several_secrets_come_from_a_file(run, signed, tmp_path):
    (tmp_path / "secrets").write_text(f"whsec_YW5vdGhlcg==\n{SECRET}\n")
    assert run(*signed, "--secret-file", str(tmp_path / "secrets")).code == 0


@pytest.mark.parametrize("secret", [None, "no secret"])
def test_a_secret_that_is_missing_or_none_is_said(run, signed, secret):
    assert run("webhook", "sign", stdin=BODY, WEBHOOK_SECRET=secret).code == 2
    assert run(*signed, WEBHOOK_SECRET=secret).code == 2
