"""How a person gets in, and out, and what the token of the link may do."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from pgbroker import Broker
from tests.console.seeded import Seeded
from tests.console.visits import Visit
from tests.support.runner import Running

WRONG = "brk_" + "A" * 49
STORED = "JSON.stringify([sessionStorage.getItem('token'), {...localStorage}, document.cookie])"


def paste(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def stranger(visit: Callable[..., Visit]) -> Visit:
    """The console, not signed in."""
    return visit(token=None)


def test_the_link_has_a_token_of_its_own_that_ends_and_mints_none(make_run: Running) -> None:
    assert make_run.link == f"{make_run.url}/console#token={make_run.console_token}"
    assert make_run.console_token != make_run.token
    with Broker(make_run.url, make_run.console_token) as broker:
        own = broker.read_own_token()
    assert sorted(own.scopes) == ["broadcast", "browse", "consume", "manage", "publish", "subscribe"]
    assert own.topics == ["*"]
    assert own.expires_at
    assert timedelta(hours=11) < own.expires_at - datetime.now(UTC) <= timedelta(hours=12)


def test_the_link_signs_in_and_its_token_leaves_the_address(stranger: Visit, make_run: Running) -> None:
    page = stranger.page
    page.goto(make_run.link)
    expect(page.get_by_role("navigation", name="Screens")).to_be_visible()
    assert page.url == f"{make_run.url}/console#/"
    assert make_run.console_token not in page.content()
    assert page.evaluate(STORED) == f'["{make_run.console_token}",{{}},""]'
    page.go_back()
    assert make_run.console_token not in page.url


def test_a_token_is_pasted_and_the_place_is_kept(stranger: Visit, make_run: Running, seeded: Seeded) -> None:
    place = f"#/topics/orders/subscriptions/{seeded.subscriptions['shop']}"
    page = stranger.open(place, "Sign in")
    assert stranger.requests == []
    paste(page, f" {make_run.console_token}\n")
    expect(stranger.heading).to_contain_text("shop")
    assert page.url.endswith(place)
    page.reload()
    expect(stranger.heading).to_contain_text("shop")


def test_a_wrong_token_is_refused_and_not_kept(stranger: Visit) -> None:
    stranger.expects("GET /tokens/self answered 401")
    page = stranger.open("#/", "Sign in")
    paste(page, WRONG)
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in")).to_be_enabled()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_second_tab_gets_the_token_of_the_first(stranger: Visit, make_run: Running) -> None:
    stranger.page.goto(make_run.link)
    expect(stranger.page.get_by_role("navigation", name="Screens")).to_be_visible()
    second = stranger.context.new_page()
    second.goto(f"{make_run.url}/console#/api")
    expect(second.get_by_role("navigation", name="Screens")).to_be_visible()
    assert second.evaluate("sessionStorage.getItem('token')") == make_run.console_token


def test_another_browser_gets_no_token(console: Visit, stranger: Visit) -> None:
    console.open()
    stranger.open("#/", "Sign in")


def test_a_revoked_token_leads_to_the_login_and_back_to_the_place(
    visit: Callable[..., Visit], broker: Broker, seeded: Seeded, make_run: Running
) -> None:
    minted = broker.mint_token("to-be-revoked", ["browse"])
    console = visit(minted.token)
    place = f"#/topics/orders/subscriptions/{seeded.subscriptions['shop']}"
    page = console.open(place, re.compile("shop"))
    console.expects("answered 401")
    broker.revoke_token(minted.id)
    expect(console.heading).to_have_text("Sign in", timeout=90_000)  # a look-up at that moment is kept for a minute
    expect(page.get_by_role("alert")).to_contain_text("revoked")
    assert page.evaluate("sessionStorage.getItem('token')") is None
    paste(page, make_run.console_token)
    expect(console.heading).to_contain_text("shop")
    assert page.url.endswith(place)


def test_signing_out_forgets_the_token(console: Visit) -> None:
    page = console.open("#/api")
    page.locator("header summary").last.click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{console.url}/console#/tokens")
    expect(console.heading).to_have_text("Sign in")
    assert page.evaluate("sessionStorage.getItem('token')") is None


def test_the_reference_needs_no_token(stranger: Visit) -> None:
    page = stranger.page
    page.goto(f"{stranger.url}/docs")
    expect(stranger.heading).to_be_visible()
    expect(page.get_by_text("/topics/{topic}/consume").first).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert {request for request in stranger.requests if request != "GET /openapi.json"} == set()
