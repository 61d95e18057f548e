"""How a screen looks while it has nothing, not yet, or not any more."""

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from pgbroker import Broker
from tests.console.seeded import Seeded
from tests.console.visits import Visit
from tests.support.endpoints import Endpoint


@pytest.mark.parametrize(
    ("tab", "said"),
    [
        ("messages", "No message waits"),
        ("history", "Nothing was published|No message yet"),
        ("dead-letters", "No dead letters"),
        ("subscriptions", "No subscription"),
    ],
)
def test_a_new_topic_says_what_is_missing_and_the_first_step(
    console: Visit, broker: Broker, topic: str, tab: str, said: str
) -> None:
    broker.put_topic(topic)
    page = console.open(f"#/topics/{topic}/{tab}", topic)
    expect(page.locator("main .empty")).to_contain_text(re.compile(said))
    if tab in {"messages", "subscriptions"}:
        expect(page.locator("main .empty .curl code")).to_be_visible()


def test_filters_that_match_nothing_say_so_and_can_be_cleared(console: Visit, seeded: Seeded) -> None:
    page = console.open("#/topics/orders/messages?sender=nobody", "orders")
    expect(page.locator("main .empty")).to_contain_text("No message that waits matches these filters")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("main [data-row]").first).to_be_visible()


def test_a_filter_is_in_the_address(console: Visit, seeded: Seeded) -> None:
    page = console.open("#/topics/orders/messages", "orders")
    field = page.get_by_role("form", name="Filters").get_by_label("Key")
    field.fill("b")
    field.press("Enter")
    expect(page.locator("main [data-row]")).to_have_count(1)
    assert page.url.endswith("?key=b")


def test_a_subscription_without_attempts_says_so(
    console: Visit, broker: Broker, topic: str, endpoint: Endpoint
) -> None:
    made = broker.subscribe(topic, endpoint.url, name="shop")
    page = console.open(f"#/topics/{topic}/subscriptions/{made.id}", re.compile("shop"))
    expect(page.locator("main")).to_contain_text("No attempt yet")


def hold(page: Page) -> list[Route]:
    """Let the list of topics wait for the test, which ends the wait of a request by `continue_()`."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route("**/topics?*", keep)
    return held


def test_a_slow_answer_is_awaited_with_its_shape(console: Visit) -> None:
    held = hold(console.page)
    page = console.open("#/topics", "Topics")
    loading = page.get_by_role("status", name="Loading")
    expect(loading).to_be_visible()
    held[0].continue_()
    expect(loading).to_have_count(0)
    expect(page.locator("main [data-row]").first).to_be_visible()


def test_a_screen_that_is_left_waits_for_no_answer(console: Visit) -> None:
    hold(console.page)
    page = console.open("#/topics", "Topics")
    expect(page.get_by_role("status", name="Loading")).to_be_visible()
    with page.expect_event("requestfailed", lambda request: request.failure == "net::ERR_ABORTED"):
        page.get_by_role("link", name="API").click()
    expect(console.heading).to_have_text("API")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_first_answer_that_fails_is_shown_and_tried_again(console: Visit) -> None:
    console.answer("**/topics?*", 500, json.dumps({"title": "Internal server error", "request_id": "r-1"}))
    page = console.open("#/topics", "Topics")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Internal server error")
    expect(alert).to_contain_text("r-1")
    page.unroute("**/topics?*")
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator("main [data-row]").first).to_be_visible()


def test_an_answer_that_is_no_json_is_an_error_and_not_a_blank_page(console: Visit) -> None:
    console.answer("**/topics?*", 502, "<html>bad gateway</html>")
    page = console.open("#/topics", "Topics")
    expect(page.get_by_role("alert")).to_contain_text("The request failed")


def test_what_is_published_appears_by_itself(console: Visit, broker: Broker, topic: str) -> None:
    broker.publish(topic, {"order": 1})
    page = console.open(f"#/topics/{topic}/messages", topic)
    expect(page.locator("main [data-row]")).to_have_count(1)
    broker.publish(topic, {"order": 2})
    expect(page.locator("main [data-row]")).to_have_count(2)


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("ready", "waits in the queue"),
        ("leased", "has it on lease"),
        ("delayed", "is delayed"),
        ("dead", "no such order"),
        ("broadcast", "number 1 of the log"),
    ],
)
def test_a_message_says_why_it_is_where_it_is(console: Visit, seeded: Seeded, which: str, said: str) -> None:
    page = console.open(f"#/topics/orders/messages/{getattr(seeded, which)}")
    expect(page.locator("main .story")).to_contain_text(said)


def test_a_broadcast_message_says_who_has_it_and_why_others_do_not(console: Visit, seeded: Seeded) -> None:
    page = console.open(f"#/topics/orders/messages/{seeded.broadcast}")
    for name, state in (
        ("shop", "delivered"),
        ("crm", "503"),
        ("erp", "422"),
        ("audit", "paused"),
        ("old-hook", "410"),
    ):
        expect(page.locator("main [data-row]").filter(has_text=name)).to_contain_text(state)
    page.get_by_role("button", name="Attempts of erp").click()
    expect(page.locator("main .opened")).to_contain_text("no such order")  # the answer of the endpoint


@pytest.mark.parametrize(
    ("name", "state"),
    [("shop", "active"), ("crm", "waiting to retry|waiting"), ("audit", "paused"), ("old-hook", "disabled")],
)
def test_a_subscription_says_its_state_by_a_word_and_a_shape(
    console: Visit, seeded: Seeded, name: str, state: str
) -> None:
    console.open(f"#/topics/orders/subscriptions/{seeded.subscriptions[name]}", re.compile(name))
    shown = console.heading.locator(".state")
    expect(shown).to_have_text(re.compile(state))
    expect(shown.locator("svg")).to_have_count(1)
    row = console.open("#/topics/orders/subscriptions").locator("main [data-row]").filter(has_text=name)
    expect(row.locator(".state").first).to_have_text(re.compile(state))
