"""The console without a mouse."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.console.seeded import Seeded
from tests.console.visits import Visit


@pytest.fixture
def topics(console: Visit, seeded: Seeded) -> Page:
    page = console.open("#/topics", "Topics")
    expect(page.get_by_role("link", name=seeded.topic, exact=True)).to_be_visible()
    return page


def test_the_heading_has_the_focus_on_each_screen(console: Visit, topics: Page) -> None:
    expect(console.heading).to_be_focused()
    topics.keyboard.press("g")
    topics.keyboard.press("a")
    expect(console.heading).to_have_text("API")
    expect(console.heading).to_be_focused()
    assert topics.title() == "API · pgbroker staging"


def test_the_first_tab_stop_skips_the_header(console: Visit, topics: Page) -> None:
    topics.locator("header a").first.focus()
    topics.keyboard.press("Shift+Tab")
    skip = topics.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    topics.keyboard.press("Enter")
    expect(topics.locator("main")).to_be_focused()
    expect(console.heading).to_have_text("Topics")  # a skip link is no place


def test_rows_are_stepped_over_and_opened(console: Visit, topics: Page) -> None:
    rows = topics.locator("[data-row] a")
    topics.keyboard.press("j")
    expect(rows.first).to_be_focused()
    first = rows.first.inner_text()
    topics.keyboard.press("k")
    expect(rows.first).to_be_focused()
    topics.keyboard.press("Enter")
    expect(console.heading).to_have_text(first)


def test_the_search_is_a_key_away(console: Visit, topics: Page, seeded: Seeded) -> None:
    topics.keyboard.press("/")
    expect(topics.get_by_role("searchbox", name=re.compile("Search for a topic, a message"))).to_be_focused()
    topics.keyboard.type(seeded.dead)  # its letters are text here
    topics.keyboard.press("Enter")
    expect(console.heading).to_contain_text("Message")
    expect(topics.locator("main")).to_contain_text(seeded.dead)


def test_the_list_of_keys_is_a_dialog_that_gives_the_focus_back(topics: Page) -> None:
    topics.keyboard.press("j")
    focused = topics.locator(":focus").inner_text()
    topics.keyboard.press("?")
    dialog = topics.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    topics.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert topics.locator(":focus").inner_text() == focused


def test_keys_of_one_letter_can_be_switched_off(console: Visit, topics: Page) -> None:
    topics.locator("header summary").last.click()
    topics.get_by_role("checkbox", name=re.compile("keyboard shortcuts")).uncheck()
    topics.keyboard.press("Escape")
    topics.keyboard.press("?")
    topics.keyboard.press("g")
    topics.keyboard.press("a")
    expect(topics.get_by_role("dialog")).to_have_count(0)
    expect(console.heading).to_have_text("Topics")


def test_a_menu_is_closed_by_escape_and_by_a_click_elsewhere(topics: Page) -> None:
    menu = topics.locator("header details").last
    summary = menu.locator("summary")
    summary.focus()
    topics.keyboard.press("Enter")
    topics.get_by_role("radio", name="UTC").focus()
    topics.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    topics.keyboard.press("Enter")
    expect(menu).to_have_attribute("open", "")
    topics.get_by_role("heading", level=1).click()
    expect(menu).not_to_have_attribute("open", "")


def test_a_tab_of_a_topic_keeps_the_focus(console: Visit, seeded: Seeded) -> None:
    page = console.open(f"#/topics/{seeded.topic}", seeded.topic)
    tab = page.get_by_role("navigation", name="Parts of the topic").get_by_role("link", name="history")
    tab.focus()
    page.keyboard.press("Enter")
    expect(tab).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("region", name="History")).to_be_visible()
    expect(tab).to_be_focused()


def test_the_focus_of_a_dialog_begins_at_a_field_or_at_what_changes_nothing(console: Visit, seeded: Seeded) -> None:
    page = console.open(f"#/topics/{seeded.topic}/dead-letters", seeded.topic)
    page.get_by_role("button", name="Publish…").click()
    expect(page.get_by_role("textbox", name="Content")).to_be_focused()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete all…").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Delete all…")).to_be_focused()
