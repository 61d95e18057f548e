"""Addresses: those that lead somewhere, those that do not, and what a token does not cover."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from pgbroker import Broker
from tests.console.seeded import Seeded
from tests.console.visits import Visit

NOTHING = "01a00000-0000-7000-8000-000000000000"


def test_the_header_names_the_environment_in_its_colour(console: Visit) -> None:
    page = console.open()
    name = page.locator("header .environment")
    expect(name).to_have_text("staging")
    expect(name).to_have_css("background-color", "rgb(91, 63, 184)")
    assert page.title().endswith("pgbroker staging")


def test_an_address_that_leads_nowhere_says_so(console: Visit) -> None:
    page = console.open("#/nothing/of/the/kind", "No such screen")
    page.get_by_role("main").get_by_role("link", name="Overview").click()
    expect(page).to_have_url(re.compile(r"#/$"))


@pytest.mark.parametrize("dots", [".", "..", "%2e%2e"])
def test_an_address_with_dots_for_an_id_asks_nothing(console: Visit, dots: str) -> None:
    console.open(f"#/topics/orders/messages/{dots}", "No such screen")
    assert [asked for asked in console.requests if asked.startswith("GET /topics/orders")] == []


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("topics/no-such-topic", "There is no topic no-such-topic"),
        (f"topics/orders/messages/{NOTHING}", "No such message"),
        (f"topics/orders/subscriptions/{NOTHING}", "No such subscription"),
    ],
)
def test_what_does_not_exist_says_so(console: Visit, seeded: Seeded, place: str, said: str) -> None:
    console.permits("answered 404")
    page = console.open(f"#/{place}")
    expect(page.get_by_role("main")).to_contain_text(re.compile(said, re.IGNORECASE))
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("place", ["tokens", "topics/orders", "topics/orders/settings", "topics/orders/history"])
def test_a_place_that_a_token_does_not_cover_says_so_and_shows_nothing_of_it(
    visit: Callable[..., Visit], mint: Callable[..., str], seeded: Seeded, place: str
) -> None:
    console = visit(mint("browse", "manage", topics=["invoices*"]))
    console.permits("answered 403")
    page = console.open(f"#/{place}")
    expect(page.get_by_role("main")).to_contain_text(
        re.compile("may not|does not allow|does not cover|lacks", re.IGNORECASE)
    )
    expect(page.get_by_text("checkout")).to_have_count(0)


def test_the_search_finds_a_topic_a_message_and_a_subscription(console: Visit, seeded: Seeded) -> None:
    page = console.open()
    search = page.get_by_role("search").get_by_role("searchbox")
    for sought, place in (
        ("orders", "#/topics/orders"),
        (seeded.ready, f"#/topics/orders/messages/{seeded.ready}"),
        (seeded.subscriptions["crm"], f"#/topics/orders/subscriptions/{seeded.subscriptions['crm']}"),
    ):
        search.fill(sought)
        search.press("Enter")
        expect(page).to_have_url(re.compile(f"{re.escape(place)}(\\?|/|$)"))


def test_the_search_reads_a_webhook_id(console: Visit, broker: Broker, seeded: Seeded) -> None:
    subscription = seeded.subscriptions["crm"]
    webhook_id = broker.list_attempts("orders", subscription).items[0].webhook_id
    page = console.open()
    search = page.get_by_role("search").get_by_role("searchbox")
    search.fill(webhook_id)
    search.press("Enter")
    expect(page.get_by_role("main")).to_contain_text(subscription)
    expect(page.get_by_role("main")).to_contain_text(seeded.broadcast)  # the first of its messages


def test_the_search_says_when_nothing_is_found(console: Visit) -> None:
    console.permits("answered 404")
    page = console.open()
    search = page.get_by_role("search").get_by_role("searchbox")
    search.fill(str(uuid4()))
    search.press("Enter")
    expect(page.get_by_role("main")).to_contain_text(re.compile("nothing|no ", re.IGNORECASE))


def test_back_and_forward_go_over_the_screens(console: Visit, seeded: Seeded) -> None:
    page = console.open("#/topics", "Topics")
    page.get_by_role("link", name="orders", exact=True).click()
    expect(console.heading).to_have_text("orders")
    page.go_back()
    expect(console.heading).to_have_text("Topics")
    page.go_forward()
    expect(console.heading).to_have_text("orders")
