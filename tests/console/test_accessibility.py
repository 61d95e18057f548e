"""Each screen and dialog by axe, in both colours and 390 px wide; and what axe cannot see."""

import hashlib
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.places import PLACES, address
from tests.console.seeded import Seeded
from tests.console.visits import Visit
from tests.support.client import ROOT

AXE = ROOT / ".vendor" / "node_modules" / "axe-core" / "axe.min.js"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"  # of 4.14.1
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
RUN = """(rules) => axe.run(document, rules).then(({violations}) => violations.flatMap(
  ({id, help, nodes}) => nodes.map(({target, failureSummary}) => `${id}: ${help}: ${target}: ${failureSummary}`)))"""
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 800}


@cache
def axe() -> str:
    assert AXE.exists(), "axe-core is not installed: `make console-test` installs it, and needs npm"
    program = AXE.read_bytes()
    assert hashlib.sha256(program).hexdigest() == AXE_SHA256, "axe-core is not the one that is asked for"
    return program.decode()


def look(page: Page, rules: dict[str, Any] = RULES) -> list[str]:
    """What axe finds wrong with the page as it is."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe())
    found: list[str] = page.evaluate(RUN, rules)
    return found


def look_at_all_sides(page: Page) -> None:
    """AssertionError for what is wrong in light, in dark, or 390 px wide, where the page must not scroll sideways."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size(WIDE)
    found = look(page)
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {each}" for each in look(page, COLOURS)]
    page.set_viewport_size(NARROW)
    found += [f"narrow: {each}" for each in look(page)]
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > NARROW["width"]:
        found.append(f"it is {wide} px wide, and scrolls sideways: {page.evaluate(WIDEST)}")
    assert not found, "\n".join(found)


WIDEST = """() => [...document.querySelectorAll("body *")]
  .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > 391)
  .filter((each) => !each.closest(".scroll, .lines, .tabs, nav"))
  .map((each) => `${each.tagName} ${each.className}`).slice(0, 5).join(", ")"""


MOVING = """() => [...document.querySelectorAll("*")].map((each) => getComputedStyle(each))
  .flatMap((style) => [style.animationDuration, style.transitionDuration])
  .filter((duration) => parseFloat(duration) > 0.001).length"""


@pytest.fixture
def everything(visit: Callable[..., Visit], full_token: str) -> Visit:
    """The console with a token that may do everything."""
    return visit(full_token, viewport=WIDE, reduced_motion="reduce")


@pytest.mark.parametrize("name", PLACES)
def test_a_screen_has_no_fault(everything: Visit, seeded: Seeded, name: str) -> None:
    page = everything.open(address(name, seeded))
    expect(page.locator("main").locator(PLACES[name][1]).first).to_be_visible()
    look_at_all_sides(page)


def test_the_login_has_no_fault(visit: Callable[..., Visit]) -> None:
    page = visit(token=None, viewport=WIDE).open("#/", "Sign in")
    page.get_by_text("Where to get one").click()
    look_at_all_sides(page)


@pytest.mark.parametrize(
    ("place", "button", "name"),
    [
        ("#/topics/orders", "Publish…", "Publish"),
        ("#/topics/orders", "Subscribe…", "Subscribe"),
        ("#/topics/orders/dead-letters", "Redrive all…", "Redrive"),
        ("#/topics", "Create topic…", "Create"),
        ("#/tokens", "Mint a token…", "Mint"),
    ],
)
def test_a_dialog_has_no_fault(everything: Visit, place: str, button: str, name: str) -> None:
    page = everything.open(place)
    page.get_by_role("main").get_by_role("button", name=button).click()
    expect(page.get_by_role("dialog", name=re.compile(name))).to_be_visible()
    look_at_all_sides(page)


def test_a_menu_and_an_error_have_no_fault(everything: Visit) -> None:
    page = everything.open("#/topics", "Topics")
    everything.answer("**/topics?*", 500, '{"title": "Internal server error", "request_id": "r-1"}')
    expect(page.get_by_role("alert")).to_be_visible()
    page.locator("header summary").last.click()
    look_at_all_sides(page)


def test_nothing_moves_when_motion_is_reduced(console: Visit) -> None:
    page = console.open()
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(MOVING) == 0


def test_a_screen_has_one_heading_of_the_first_level_and_landmarks(console: Visit, seeded: Seeded) -> None:
    page = console.page
    console.permits("answered 403")  # its token has no scope `tokens`
    for name in PLACES:
        console.open(address(name, seeded))
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        expect(page.get_by_role("main")).to_have_count(1)
        expect(page.get_by_role("banner")).to_have_count(1)
        assert page.title() != "pgbroker"
