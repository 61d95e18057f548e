"""When the page asks the broker, and when it leaves it in peace. The clock is the test's."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console.seeded import Seeded
from tests.console.visits import Visit

MINUTE = 60_000
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
AWAY = json.dumps({"title": "Service unavailable", "detail": "The database does not answer.", "request_id": "r-1"})
FAILED = json.dumps({"title": "Internal server error"})
LIST = re.compile(r"/topics(\?|$)")


@pytest.fixture
def topics(console: Visit, seeded: Seeded) -> Iterator[Page]:
    """The list of topics, which is one request, asked for again and again."""
    console.page.clock.install()
    page = console.open("#/topics", "Topics")
    expect(page.get_by_role("link", name=seeded.topic, exact=True)).to_be_visible()
    return page


def asked(console: Visit) -> int:
    return console.requests.count("GET /topics")


def status(page: Page, text: str) -> None:
    """The chip in the header says this."""
    expect(page.locator("header summary").first).to_contain_text(text)


def test_a_visible_page_asks_again(console: Visit, topics: Page) -> None:
    status(topics, "live, 2 s")
    with topics.expect_request(LIST):
        topics.clock.run_for(2_500)


def test_a_hidden_tab_asks_nothing_and_one_that_is_shown_at_once(console: Visit, topics: Page) -> None:
    topics.evaluate(HIDE, arg=True)
    topics.wait_for_load_state("networkidle")
    before = asked(console)
    topics.clock.run_for(10 * MINUTE)
    assert asked(console) == before
    with topics.expect_request(LIST):
        topics.evaluate(HIDE, arg=False)


def test_a_page_that_nobody_touches_stops_after_15_minutes_and_a_key_wakes_it(console: Visit, topics: Page) -> None:
    topics.clock.fast_forward(14 * MINUTE)
    status(topics, "live")
    topics.clock.fast_forward(2 * MINUTE)
    status(topics, "asleep: press any key")
    before = asked(console)
    topics.clock.run_for(60 * MINUTE)
    assert asked(console) == before
    with topics.expect_request(LIST):
        topics.keyboard.press("Shift")
    status(topics, "live")


def test_keep_live_goes_on(console: Visit, topics: Page) -> None:
    topics.locator("header summary").first.click()
    topics.get_by_role("checkbox", name=re.compile("keep live")).check()
    topics.clock.fast_forward(60 * MINUTE)
    with topics.expect_request(LIST):
        topics.clock.fast_forward(MINUTE)
    status(topics, "live")


def test_a_page_whose_answers_stay_the_same_asks_less_often(console: Visit, topics: Page) -> None:
    console.answer("**/topics?*", 200, json.dumps({"items": [], "next": None}))
    before = asked(console)
    for _ in range(10 * 60):
        topics.clock.run_for(1_000)
    assert 10 <= asked(console) - before <= 40  # with 2 s they were 300


def test_a_page_that_fails_keeps_its_picture_and_asks_less_often(console: Visit, topics: Page, seeded: Seeded) -> None:
    console.answer("**/topics?*", 500, FAILED)
    topics.clock.run_for(2_500)
    expect(topics.get_by_role("alert")).to_contain_text("Internal server error")
    expect(topics.get_by_role("link", name=seeded.topic, exact=True)).to_be_visible()
    status(topics, "not fresh since")

    gaps, seconds, before = [], 0, asked(console)
    while len(gaps) < 4:
        topics.clock.run_for(1_000)
        seconds += 1
        if asked(console) > before:
            gaps.append(seconds)
            seconds, before = 0, asked(console)
            topics.wait_for_load_state("networkidle")
        assert seconds < 70
    assert gaps[-1] > gaps[1] > gaps[0]

    topics.unroute("**/topics?*")
    topics.get_by_role("button", name="Try again").click()
    expect(topics.get_by_role("alert")).to_have_count(0)
    status(topics, "live")


def test_a_database_that_wakes_up_is_asked_when_it_says(console: Visit, topics: Page, seeded: Seeded) -> None:
    console.answer("**/topics?*", 503, AWAY, {"Retry-After": "30"})
    topics.clock.run_for(2_500)
    alert = topics.get_by_role("alert")
    expect(alert).to_contain_text("The database is waking up")
    expect(alert).to_contain_text(re.compile(r"asking again in (30|29|28) s"))
    expect(alert).to_contain_text("r-1")
    expect(topics.get_by_role("link", name=seeded.topic, exact=True)).to_be_visible()
    before = asked(console)
    topics.clock.run_for(15_000)
    expect(alert).to_contain_text(re.compile(r"asking again in 1\d s"))
    assert asked(console) == before

    topics.unroute("**/topics?*")
    with topics.expect_request(LIST):
        topics.clock.run_for(15_000)
    expect(alert).to_have_count(0)


def test_a_tab_that_is_shown_again_waits_until_the_broker_lets_it_ask(console: Visit, topics: Page) -> None:
    console.answer("**/topics?*", 503, AWAY, {"Retry-After": "30"})
    topics.clock.run_for(2_500)
    expect(topics.get_by_role("alert")).to_contain_text("The database is waking up")
    before = asked(console)
    for hidden in (True, False):
        topics.evaluate(HIDE, arg=hidden)
    topics.clock.run_for(15_000)
    assert asked(console) == before
    with topics.expect_request(LIST):
        topics.clock.run_for(15_000)


def test_without_a_network_the_page_says_so(console: Visit, topics: Page) -> None:
    console.expects("failed GET .*INTERNET_DISCONNECTED")
    console.context.set_offline(True)
    topics.clock.run_for(2_500)
    expect(topics.get_by_role("alert")).to_contain_text("The broker does not answer")
    console.context.set_offline(False)
    topics.clock.run_for(10_000)
    expect(topics.get_by_role("alert")).to_have_count(0)


def test_a_paused_page_asks_on_r_only(console: Visit, topics: Page) -> None:
    topics.keyboard.press("p")
    status(topics, "paused")
    topics.wait_for_load_state("networkidle")
    before = asked(console)
    topics.clock.run_for(10 * MINUTE)
    assert asked(console) == before
    with topics.expect_request(LIST):
        topics.keyboard.press("r")
    topics.keyboard.press("p")
    status(topics, "live, 2 s")


def test_to_pause_asks_nothing(console: Visit, topics: Page) -> None:
    topics.wait_for_load_state("networkidle")
    before = asked(console)
    topics.keyboard.press("p")
    status(topics, "paused")
    topics.clock.run_for(10_000)
    assert asked(console) == before


def test_the_longest_interval_is_kept(console: Visit, topics: Page) -> None:
    topics.locator("header summary").first.click()
    topics.get_by_role("radio", name=re.compile("60 s")).check()
    topics.wait_for_load_state("networkidle")
    before = asked(console)
    topics.clock.run_for(50_000)
    assert asked(console) == before
    with topics.expect_request(LIST):
        topics.clock.run_for(15_000)


def test_what_is_asked_for_while_an_answer_is_on_its_way_is_asked_after_it(console: Visit, topics: Page) -> None:
    topics.keyboard.press("p")
    topics.wait_for_load_state("networkidle")
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        held.append(route)
        if len(held) > 1:
            route.continue_()

    topics.route("**/topics?*", hold_the_first)
    with topics.expect_request(LIST):
        topics.keyboard.press("r")
    topics.keyboard.press("r")
    with topics.expect_request(LIST):
        held[0].continue_()
