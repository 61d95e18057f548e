"""Which screens are in the docs, and how one gets there."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.console.pictures.story import LAST_MINUTES, Story
from tests.console.visits import Visit

OPTIONS = '{"environment": "production", "environment_colour": "green"}'
LOOK = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "timezone_id": "UTC", "reduced_motion": "reduce"}


@dataclass(frozen=True)
class Screen:
    name: str  # of its files
    heading: str
    place: Callable[[Story], str]
    ready: Callable[[Page], None]

    def open(self, console: Visit, story: Story) -> None:
        """Open it, and wait until it has its numbers."""
        console.page.evaluate("place => location.hash = place", self.place(story))  # the tab keeps its past
        expect(console.heading).to_contain_text(self.heading)
        self.ready(console.page)
        expect(console.page.get_by_role("status", name="Loading")).to_have_count(0)


def _has_subscriptions(page: Page) -> None:
    expect(page.locator(".subscribed li", has_text="ledger")).to_contain_text("delivering")
    expect(page.get_by_role("img", name="no past yet")).to_have_count(0)


def _has_rows(page: Page) -> None:
    expect(page.locator("[data-row]").first).to_be_visible()
    expect(page.locator(".plot svg").first).to_be_visible()


def _has_deliveries(page: Page) -> None:
    expect(page.get_by_role("heading", name="Subscriptions")).to_be_visible()


def _asks(page: Page) -> None:
    page.get_by_role("button", name="Redrive all").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Redrive ")).to_be_enabled()


def _is_open(page: Page) -> None:
    expect(page.locator(".operation[open] .curl")).to_be_visible()


SCREENS = [
    Screen("overview", "Overview", lambda _: "#/", _has_subscriptions),
    Screen("topic", "invoices", lambda _: "#/topics/invoices", _has_rows),
    Screen("message", "Message", lambda story: f"#/topics/orders/messages/{story.refused}", _has_deliveries),
    Screen("subscription", "crm", lambda story: f"#/topics/orders/subscriptions/{story.ids['crm']}", _has_rows),
    Screen(
        "dead-letters",
        "orders",
        lambda story: f"#/topics/orders/dead-letters?subscription={story.ids['ledger']}",
        _asks,
    ),
    Screen("api", "API", lambda _: "#/api/publish", _is_open),
]


def play(story: Story, console: Visit, seconds: list[int], wait: Callable[[int], None]) -> None:
    """Go through the hour. In its last minutes the overview is open, so that its plots have a past."""
    story.begin()
    for second in seconds:
        wait(second)
        story.go_on(second)
        if console.page.url == "about:blank" and second >= LAST_MINUTES:
            console.open("#/", "Overview")
        elif second > LAST_MINUTES:
            with console.page.expect_response("**/overview*"):
                console.page.keyboard.press("r")
    story.end()
