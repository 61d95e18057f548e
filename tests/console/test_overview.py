"""The live picture: what is worst, why, and what brings it back."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from pgbroker import Broker
from tests.console.seeded import Seeded
from tests.console.visits import Visit
from tests.support.endpoints import Endpoint
from tests.support.runner import until


def row(page: Page, topic: str) -> Locator:
    """The row of a topic."""
    return page.locator("main li.topic").filter(has=page.get_by_role("link", name=topic, exact=True))


def test_a_topic_says_what_waits_and_why_each_subscription_is_as_it_is(
    visit: Callable[..., Visit], mint: Callable[..., str], seeded: Seeded
) -> None:
    page = visit(mint("browse", topics=[seeded.topic])).open("#/", "Overview")
    orders = row(page, seeded.topic)
    for count in ("4 ready", "1 leased", "1 delayed", "1 dead"):
        expect(orders).to_contain_text(count)
    for name, why in (
        ("shop", "0 behind"),
        ("crm", r"3 behind.*503, try \d+ in "),
        ("audit", "3 behind.*paused"),
        ("old-hook", "3 behind.*disabled: status 410"),
    ):
        expect(orders.get_by_role("listitem").filter(has_text=name)).to_have_text(re.compile(why))


def test_the_totals_are_for_a_token_of_all_topics_only(
    visit: Callable[..., Visit], mint: Callable[..., str], seeded: Seeded
) -> None:
    for topics, shown in (
        (["*"], ["Published", "Consumed", "Broadcast", "Attempts"]),
        ([seeded.topic], ["Published", "Attempts"]),
    ):
        page = visit(mint("browse", topics=topics)).open("#/", "Overview")
        cards = page.locator("main .cards button")
        expect(cards).to_have_text([re.compile(f"^{name}") for name in shown])


def test_a_card_opens_its_plot_with_its_numbers(console: Visit) -> None:
    page = console.open("#/", "Overview")
    card = page.get_by_role("button", name=re.compile("^Published"))
    card.click()
    plot = page.get_by_role("region", name="Published")
    expect(plot.get_by_role("img")).to_be_visible()
    plot.get_by_text("the numbers").click()
    expect(plot.get_by_role("table")).to_be_visible()
    expect(card).to_have_attribute("aria-expanded", "true")
    card.click()
    expect(plot).to_have_count(0)


def test_the_topics_are_filtered_by_what_is_typed(console: Visit, seeded: Seeded) -> None:
    page = console.open("#/", "Overview")
    field = page.get_by_role("searchbox", name=re.compile("Filter the topics"))
    field.fill("no-such-topic")
    expect(page.locator("main li.topic")).to_have_count(0)
    field.fill(seeded.topic.upper())
    expect(row(page, seeded.topic)).to_be_visible()


@pytest.mark.parametrize(
    ("trouble", "button", "said"),
    [
        ("paused", "Resume", "is resumed: 1 message to send"),
        ("disabled", "Enable again", "is enabled again: 1 message"),
    ],
)
def test_a_subscription_is_brought_back_from_here(
    visit: Callable[..., Visit],
    mint: Callable[..., str],
    broker: Broker,
    topic: str,
    endpoint: Endpoint,
    trouble: str,
    button: str,
    said: str,
) -> None:
    subscription = broker.subscribe(topic, endpoint.url, name="shop").id
    if trouble == "paused":
        broker.change_subscription(topic, subscription, paused=True)
    else:
        endpoint.answer(410, times=1)
    broker.publish(topic, 1)
    broker.broadcast(topic)
    until(lambda: broker.read_subscription(topic, subscription).state == trouble)
    page = visit(mint("browse", "subscribe", topics=[topic])).open("#/", "Overview")
    row(page, topic).get_by_role("button", name=re.compile(f"^{button}")).click()
    expect(page.locator(".outcome")).to_contain_text(said)
    until(lambda: broker.read_subscription(topic, subscription).behind == 0)
    expect(row(page, topic)).to_contain_text("0 behind")


def test_a_token_whose_topics_are_empty_sees_the_first_steps(
    visit: Callable[..., Visit], mint: Callable[..., str]
) -> None:
    page = visit(mint("browse", "publish", topics=["nothing.*"])).open("#/", "Overview")
    expect(page.get_by_role("region", name=re.compile("Nothing was published yet"))).to_contain_text(
        "/topics/nothing.orders/messages"
    )


def test_a_token_that_does_not_browse_sees_what_it_may_do(
    visit: Callable[..., Visit], mint: Callable[..., str]
) -> None:
    page = visit(mint("publish", topics=["orders", "invoices.*"])).open("#/", "What this token may do")
    page.get_by_label("Open a topic").fill("others")
    expect(page.get_by_text("The token does not cover this topic")).to_be_visible()
    page.get_by_label("Open a topic").fill("orders")
    page.get_by_role("button", name="Open").click()
    expect(page).to_have_url(re.compile("#/topics/orders$"))
    expect(page.get_by_role("button", name="Publish…")).to_be_visible()


def test_the_past_of_a_topic_has_its_numbers_and_says_what_is_estimated(console: Visit, seeded: Seeded) -> None:
    times = [f"2026-12-01T10:0{minute}:00Z" for minute in range(3)]
    known = {"published": 1_200, "broadcast": 7, "died": 0, "attempts": 9, "failed": 2, "p95_ms": 12}
    steps = [{"at": at, **known} for at in times]
    steps[1] |= dict.fromkeys(known)  # not known
    answer = {"at": times[2], "since": times[0], "until": times[2], "step_seconds": 60, "exact": False, "steps": steps}
    console.answer("**/rates?*", 200, json.dumps(answer))
    page = console.open(f"#/topics/{seeded.topic}", seeded.topic)
    plot = page.get_by_role("main").locator("figure").first
    expect(page.get_by_text("are estimated from a sample")).to_be_visible()
    plot.get_by_text("the numbers").click()
    numbers = plot.get_by_role("row")
    expect(numbers.nth(1)).to_have_text(re.compile(r"1,200\D*0\D*7$"))
    expect(numbers.nth(2)).to_have_text(re.compile("\N{EN DASH}{3}$"))
    [drawn] = [path for path in plot.locator("path.first").all() if path.get_attribute("d")]
    assert str(drawn.get_attribute("d")).count("M") == 2  # a gap is no line
