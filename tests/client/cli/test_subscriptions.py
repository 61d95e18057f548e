"""subscriptions and attempts: named by id, name or url."""

import pytest

URL = "http://127.0.0.1:1999/hook"


@pytest.fixture
def billing(run, topic):
    """A subscription with a name."""
    return run("subscriptions", "add", topic, URL, "--name", "billing").item["id"]


def test_a_secret_is_shown_once(run, topic):
    added = run("subscriptions", "add", topic, URL, "--batch-size", "5", "--retry-schedule", "5s,5m,2h", "--ordered")
    assert added.item["secret"].startswith("whsec_")
    assert added.err == "Store the secret: it is not shown again.\n"
    again = run("subscriptions", "add", topic, URL)
    assert (again.item["secret"], again.err) == (None, "It exists already: no new secret.\n")
    shown = run("subscriptions", "show", topic, URL).item
    assert (shown["batch_size"], shown["retry_schedule"], shown["ordered"]) == (5, [5, 300, 7200], True)


@pytest.mark.parametrize("name", ["billing", URL])
def test_a_subscription_has_several_names(run, topic, billing, name):
    assert run("subscriptions", "show", topic, name, "--columns", "id").item == {"id": billing}
    assert run("subscriptions", "show", topic, billing, "--columns", "name").item == {"name": "billing"}


def test_a_name_that_does_not_fit_one_is_refused(run, topic, billing):
    assert "there is no subscription 'shop'" in run("subscriptions", "show", topic, "shop").problem["detail"]
    run("subscriptions", "add", topic, URL, "--name", "second")
    refused = run("subscriptions", "show", topic, URL)
    assert (refused.code, billing in refused.problem["detail"]) == (1, True)


def test_settings_are_changed_and_removed(run, topic, billing):
    changed = run(
        "subscriptions", "set", topic, "billing", "--rate", "20", "--header", "X-Team: a:b", "--unordered"
    ).item
    assert (changed["rate_per_second"], changed["headers"], changed["ordered"]) == (
        20,
        {"x-team": "a:b"},
        False,
    ) or changed["headers"] == {"X-Team": "a:b"}
    changed = run("subscriptions", "set", topic, "billing", "--rate", "none", "--no-headers", "--name", "bills").item
    assert (changed["rate_per_second"], changed["headers"], changed["name"]) == (None, {}, "bills")
    assert run("subscriptions", "set", topic, "bills").code == 2


def test_it_is_paused_and_resumed(run, topic, billing):
    assert run("subscriptions", "pause", topic, "billing").item["state"] == "paused"
    assert run("subscriptions", "resume", topic, "billing").item["state"] == "active"
    assert run("subscriptions", "enable", topic, "billing").item["state"] == "active"
    assert [each["name"] for each in run("subscriptions", "ls", topic).lines] == ["billing"]


def test_a_secret_is_rotated(run, topic, billing):
    rotated = run("subscriptions", "rotate-secret", topic, "billing", "--overlap", "2h")
    assert rotated.item["secret"].startswith("whsec_")
    assert rotated.item["old_secrets_until"] is not None
    assert "Store the secret" in rotated.err


def test_a_test_shows_the_response_of_the_endpoint(run, topic, endpoint):
    run("subscriptions", "add", topic, endpoint.url, "--name", "shop")
    endpoint.answer(500, body=b"no", times=1)
    failed = run("subscriptions", "test", topic, "shop")
    assert (failed.code, failed.item["status"], failed.item["answer"]) == (1, 500, "no")
    taken = run("subscriptions", "test", topic, "shop")
    assert (taken.code, taken.item["status"]) == (0, 200)
    assert run("subscriptions", "show", topic, "shop").item["state"] == "active"
    assert len(run("attempts", topic, "shop").lines) == 2


def test_it_is_deleted_by_name_or_all_by_url(run, topic, billing):
    assert run("subscriptions", "rm", topic, "billing", "--yes").code == 0
    assert run("subscriptions", "rm", topic, "billing", "--yes").code == 1
    assert run("subscriptions", "rm", topic, "billing", "--yes", "--missing-ok").code == 0
    run("subscriptions", "add", topic, URL)
    assert run("subscriptions", "rm", topic, "--to", URL, "--yes").code == 0
    assert run("subscriptions", "rm", topic, "--to", URL, "--yes").code == 1
    assert run("subscriptions", "rm", topic, "--to", URL, "--yes", "--missing-ok").code == 0
    assert run("subscriptions", "rm", topic, "--yes").code == 2


def test_attempts_are_listed(run, topic, billing):
    assert run("attempts", topic, "billing").lines == []
    assert run("attempts", topic, "billing", "--seq", "1", "--failed").lines == []
