"""The buttons on the page are what the contract lets the token call, and nothing that is shown is refused."""

from collections.abc import Callable
from typing import get_args

import pytest
from playwright.sync_api import Browser, expect

from pgbroker.types import Scope
from tests.console.places import PLACES, address
from tests.console.seeded import Seeded
from tests.console.visits import Visit
from tests.support import contract
from tests.support.runner import Running

ALL = get_args(Scope)
OTHERS = tuple(scope for scope in ALL if scope != "browse")
FOR_PROGRAMS = {"consume", "settle", "ack", "unsubscribeUrl"}
LOOKED_AT = [name for name in PLACES if name not in {"overview", "reference", "one operation", "search", "nowhere"}]


def buttons(visit: Visit, place: str, drawn: str) -> set[str]:
    """The operations that have a button on a screen."""
    page = visit.open(place)
    expect(page.locator("main").locator(drawn).first).to_be_visible()
    found: list[str] = page.eval_on_selector_all("[data-operation]", "all => all.map((each) => each.dataset.operation)")
    return set(found)


def allowed(operations: set[str], scopes: tuple[str, ...]) -> set[str]:
    """Those of the operations that the contract lets these scopes call."""
    known = contract.operations()
    return {name for name in operations if {*known[name].scopes} & {*scopes, "any"}}


@pytest.fixture(scope="session")
def complete(browser: Browser, make_run: Running, full_token: str, seeded: Seeded) -> dict[str, set[str]]:
    """By screen, the operations that have a button when the token may do everything."""
    with Visit(browser, make_run.url, full_token) as visit:
        found = {name: buttons(visit, address(name, seeded), PLACES[name][1]) for name in LOOKED_AT}
        visit.check()
    return found


def test_what_changes_something_has_a_button_unless_it_is_for_programs(complete: dict[str, set[str]]) -> None:
    changing = {operation.id for operation in contract.operations().values() if not operation.route.startswith("GET ")}
    assert set().union(*complete.values()) == changing - FOR_PROGRAMS


@pytest.mark.parametrize("further", ["", *OTHERS])
def test_a_token_that_browses_has_the_buttons_of_its_other_scope(
    visit: Callable[..., Visit], mint: Callable[..., str], seeded: Seeded, complete: dict[str, set[str]], further: str
) -> None:
    scopes = ("browse", further) if further else ("browse",)
    session = visit(mint(*scopes))
    for name in LOOKED_AT:
        if name == "tokens" and further != "tokens":
            continue
        drawn = "h1" if name == "settings" else PLACES[name][1]
        assert buttons(session, address(name, seeded), drawn) == allowed(complete[name], scopes), name


@pytest.mark.parametrize("scope", OTHERS)
def test_a_token_that_does_not_browse_has_the_buttons_of_its_scope(
    visit: Callable[..., Visit], mint: Callable[..., str], seeded: Seeded, complete: dict[str, set[str]], scope: str
) -> None:
    session = visit(mint(scope))
    topic = buttons(session, f"#/topics/{seeded.topic}", "h1")
    assert topic <= allowed(complete["messages"] | complete["subscriptions"], (scope,))
    assert topic >= allowed({"publish", "subscribe", "broadcast"}, (scope,))


def test_a_token_for_other_topics_has_no_buttons(
    visit: Callable[..., Visit], mint: Callable[..., str], seeded: Seeded
) -> None:
    session = visit(mint(*ALL, topics=["invoices*"]))
    session.permits("answered 403")
    assert buttons(session, f"#/topics/{seeded.topic}", "h1") == set()


def test_the_screens_in_the_header_are_those_of_the_token(
    visit: Callable[..., Visit], mint: Callable[..., str]
) -> None:
    for scopes, shown in (
        (("browse",), {"Overview", "Topics", "API"}),
        (("publish",), {"API"}),
        (("tokens", "browse"), {"Overview", "Topics", "Tokens", "API"}),
    ):
        page = visit(mint(*scopes)).open()
        links = page.get_by_role("navigation", name="Screens").get_by_role("link")
        expect(links.last).to_be_visible()
        assert {*links.all_inner_texts()} == shown


def test_the_reference_marks_what_the_token_may_not_do(visit: Callable[..., Visit], mint: Callable[..., str]) -> None:
    page = visit(mint("browse")).open("#/api", "API")
    expect(page.get_by_text("What your token may not do is struck through")).to_be_visible()
    for operation in contract.operations().values():
        summary = page.locator(f"details:has(code:text-is('{operation.route.partition(' ')[2]}')) > summary")
        assert summary.count() > 0, operation.route
