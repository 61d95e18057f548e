"""Each action, by its buttons, and what the broker says came of it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from pgbroker import Broker, NotFound
from pgbroker.types import Reject
from tests.console.visits import Visit
from tests.support.endpoints import Endpoint
from tests.support.runner import until


def press(page: Page, name: str | re.Pattern[str]) -> None:
    """Press a button of the screen."""
    page.get_by_role("main").get_by_role("button", name=name).click()


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def confirm(page: Page, name: str | re.Pattern[str]) -> None:
    """Press the button of the dialog that does it, and wait until it is done."""
    dialog(page).get_by_role("button", name=name).click()
    expect(dialog(page)).to_have_count(0)


def said(page: Page, text: str | re.Pattern[str]) -> None:
    """The page says what came of it, in a region that is read out."""
    expect(page.locator(".outcome[role=status]")).to_contain_text(text)


def kill(broker: Broker, topic: str, reasons: list[str]) -> None:
    """Leave a dead letter for each reason."""
    broker.publish_many(topic, [{"content": {"reason": reason}} for reason in reasons])
    leased = broker.consume(topic, max=len(reasons))
    broker.settle(topic, reject=[Reject(each.receipt, reason=each.content["reason"]) for each in leased])


@pytest.fixture
def subscription(broker: Broker, topic: str, endpoint: Endpoint) -> str:
    """The id of a subscription whose endpoint works."""
    return broker.subscribe(topic, endpoint.url, name="shop").id


def test_publish_sends_what_was_typed(console: Visit, broker: Broker, topic: str) -> None:
    broker.put_topic(topic)
    page = console.open(f"#/topics/{topic}", topic)
    press(page, "Publish…")
    box = dialog(page)
    publish = box.get_by_role("button", name="Publish")
    expect(publish).to_be_disabled()
    box.get_by_label("Content").fill('{"id": 1')
    expect(box).to_contain_text("This is not JSON")
    expect(publish).to_be_disabled()
    box.get_by_label("Content").fill('{"id": 12345678901234567890, "price": 1.10}')
    box.get_by_label("Key").fill("customer 7")
    box.get_by_label("Sender").fill("a person")
    box.get_by_label("Attributes").fill("kind=new\nby=hand")
    confirm(page, "Publish")
    said(page, "Published")
    [message] = broker.browse_messages(topic).items
    assert message.content["id"] == 12345678901234567890
    assert (message.key, message.sender, message.attributes) == (
        "customer 7",
        "a person",
        {"kind": "new", "by": "hand"},
    )
    row = page.get_by_role("row").filter(has_text="customer 7")
    expect(row).to_contain_text('{"id": 12345678901234567890, "price": 1.10}')


def test_a_dialog_stays_when_what_was_sent_before_it_is_done(console: Visit, broker: Broker, topic: str) -> None:
    broker.put_topic(topic)
    page = console.open(f"#/topics/{topic}", topic)
    held: list[Route] = []
    page.route(
        f"**/topics/{topic}/messages",
        lambda route: held.append(route) if route.request.method == "POST" else route.continue_(),
    )
    press(page, "Publish…")
    dialog(page).get_by_label("Content").fill("1")
    with page.expect_request(lambda request: request.method == "POST"):
        dialog(page).get_by_role("button", name="Publish").click()
    page.keyboard.press("Escape")
    press(page, "Subscribe…")
    dialog(page).get_by_label("URL").fill("https://example.com/typed")
    held[0].continue_()
    said(page, "Published")
    expect(dialog(page).get_by_label("URL")).to_have_value("https://example.com/typed")


def test_a_dialog_is_closed_by_the_way_back(console: Visit, broker: Broker, topic: str) -> None:
    broker.put_topic(topic)
    page = console.open("#/topics", "Topics")
    page.goto(f"{console.url}/console#/topics/{topic}")
    expect(console.heading).to_have_text(topic)
    press(page, "Publish…")
    page.go_back()
    expect(console.heading).to_have_text("Topics")
    expect(dialog(page)).to_have_count(0)


def test_a_topic_is_created_with_its_settings(console: Visit, broker: Broker, topic: str) -> None:
    page = console.open("#/topics", "Topics")
    press(page, "Create topic…")
    box = dialog(page)
    box.get_by_label("name", exact=True).fill("not a name")
    expect(box).to_contain_text("Only letters, digits")
    box.get_by_label("name", exact=True).fill("orders")
    expect(box).to_contain_text("There is a topic of this name")
    box.get_by_label("name", exact=True).fill(topic)
    box.get_by_label("broadcast").select_option("auto")
    box.get_by_label("lease_seconds").fill("60")
    confirm(page, "Create")
    expect(console.heading).to_have_text(topic)
    created = broker.read_topic(topic)
    assert (created.broadcast, created.lease_seconds, created.max_receives) == ("auto", 60, 10)


def test_settings_show_what_changes_before_it_is_sent(console: Visit, broker: Broker, topic: str) -> None:
    broker.put_topic(topic)
    page = console.open(f"#/topics/{topic}/settings", topic)
    form = page.get_by_role("form", name="Settings")
    form.get_by_label("lease_seconds").fill("45")
    expect(form.get_by_role("list", name="What changes")).to_have_text(re.compile(r"lease_seconds\s*30 → 45"))
    press(page, "Save 1 change…")
    assert broker.read_topic(topic).lease_seconds == 30
    confirm(page, "Save")
    said(page, "The settings are saved")
    assert broker.read_topic(topic).lease_seconds == 45


def test_a_topic_that_has_something_is_deleted_by_its_name(console: Visit, broker: Broker, topic: str) -> None:
    broker.publish(topic, 1)
    console.permits("GET /topics/.* answered 404")
    page = console.open(f"#/topics/{topic}/settings", topic)
    press(page, "Delete the topic…")
    box = dialog(page)
    expect(box).to_contain_text("1 waiting")
    delete = box.get_by_role("button", name="Delete the topic")
    expect(delete).to_be_disabled()
    box.get_by_role("textbox").fill(topic)
    confirm(page, "Delete the topic")
    said(page, f"{topic} is deleted")
    expect(console.heading).to_have_text("Topics")
    with pytest.raises(NotFound):
        broker.read_topic(topic)


def test_broadcast_sends_what_is_ready_to_the_subscriptions(
    console: Visit, broker: Broker, topic: str, subscription: str, endpoint: Endpoint
) -> None:
    broker.publish_many(topic, [{"content": 1}, {"content": 2}])
    page = console.open(f"#/topics/{topic}", topic)
    press(page, "Broadcast…")
    said(page, "2 messages to 1 subscription")
    endpoint.wait_for(1)
    assert broker.read_topic(topic).last_seq == 2


def test_a_button_that_is_pressed_twice_acts_once(
    console: Visit, broker: Broker, topic: str, subscription: str
) -> None:
    broker.publish(topic, 1)
    page = console.open(f"#/topics/{topic}", topic)
    page.get_by_role("button", name="Broadcast…").dblclick()
    said(page, "1 message to 1 subscription")
    page.wait_for_load_state("networkidle")
    assert console.requests.count(f"POST /topics/{topic}/broadcast") == 2  # the first is a dry run


def test_a_broadcast_without_a_subscription_says_that_nothing_moves(console: Visit, broker: Broker, topic: str) -> None:
    broker.publish(topic, 1)
    page = console.open(f"#/topics/{topic}", topic)
    press(page, "Broadcast…")
    said(page, "no subscription")
    assert broker.read_topic(topic).queue.waiting == 1


def test_subscribing_shows_the_secret_once(console: Visit, broker: Broker, topic: str, endpoint: Endpoint) -> None:
    broker.put_topic(topic)
    page = console.open(f"#/topics/{topic}", topic)
    press(page, "Subscribe…")
    box = dialog(page)
    box.get_by_label("URL").fill(endpoint.url)
    box.get_by_label("Name", exact=True).fill("shop")
    box.get_by_text("More settings").click()
    box.get_by_label("Batch size").fill("7")
    box.get_by_label("Headers").fill("X-Key: a secret")
    box.get_by_role("button", name="Subscribe").click()
    expect(box).to_contain_text("only once")
    secret = box.locator(".secret code").inner_text()
    assert secret.startswith("whsec_")
    confirm(page, "I have it")
    assert secret not in page.content()
    [made] = broker.list_subscriptions(topic).items
    assert (made.name, made.batch_size, made.headers) == ("shop", 7, {"X-Key": "a secret"})


def test_a_subscription_is_paused_and_resumed_at_once(
    console: Visit, broker: Broker, topic: str, subscription: str
) -> None:
    page = console.open(f"#/topics/{topic}/subscriptions/{subscription}", re.compile("shop"))
    press(page, "Pause")
    said(page, "shop is paused")
    assert broker.read_subscription(topic, subscription).state == "paused"
    press(page, "Resume")
    said(page, "shop is resumed")
    assert broker.read_subscription(topic, subscription).state == "active"


def test_a_subscription_that_waits_is_tried_now(
    console: Visit, broker: Broker, topic: str, subscription: str, endpoint: Endpoint
) -> None:
    endpoint.answer(500)
    broker.change_subscription(topic, subscription, retry_schedule=[3600])
    broker.publish(topic, 1)
    broker.broadcast(topic)
    until(lambda: broker.read_subscription(topic, subscription).state == "waiting")
    endpoint.answer(200)
    page = console.open(f"#/topics/{topic}/subscriptions/{subscription}", re.compile("shop"))
    press(page, "Try now")
    said(page, "shop is tried now")
    until(lambda: broker.read_subscription(topic, subscription).behind == 0)


def test_a_disabled_subscription_is_enabled_again(
    console: Visit, broker: Broker, topic: str, subscription: str, endpoint: Endpoint
) -> None:
    endpoint.answer(410)
    broker.publish(topic, 1)
    broker.broadcast(topic)
    until(lambda: broker.read_subscription(topic, subscription).state == "disabled")
    endpoint.answer(200)
    page = console.open(f"#/topics/{topic}/subscriptions/{subscription}", re.compile("shop"))
    expect(page.get_by_role("main")).to_contain_text("status 410")
    press(page, "Enable again")
    said(page, "shop is enabled again")
    until(lambda: broker.read_subscription(topic, subscription).behind == 0)


def test_a_subscription_is_changed(console: Visit, broker: Broker, topic: str, subscription: str) -> None:
    page = console.open(f"#/topics/{topic}/subscriptions/{subscription}", re.compile("shop"))
    press(page, "Change…")
    box = dialog(page)
    expect(box.get_by_role("button", name="Change")).to_be_disabled()
    box.get_by_label("Batch size").fill("none")
    box.get_by_role("button", name="Change").click()
    console.expects("PATCH .* answered 400")
    expect(box.get_by_role("alert")).to_contain_text("batch_size")
    box.get_by_label("Batch size").fill("9")
    box.get_by_label("Retry schedule").fill("5, 60")
    confirm(page, "Change")
    said(page, "shop is changed")
    changed = broker.read_subscription(topic, subscription)
    assert (changed.batch_size, changed.retry_schedule) == (9, [5, 60])


def test_a_secret_is_rotated_and_shown_once(console: Visit, broker: Broker, topic: str, subscription: str) -> None:
    page = console.open(f"#/topics/{topic}/subscriptions/{subscription}", re.compile("shop"))
    press(page, "Rotate secret…")
    dialog(page).get_by_label("Overlap").select_option("1 hour")
    dialog(page).get_by_role("button", name="Rotate the secret").click()
    expect(dialog(page)).to_contain_text("whsec_")
    confirm(page, "I have it")
    assert broker.read_subscription(topic, subscription).old_secrets_until is not None


def test_a_test_event_shows_the_answer_of_the_endpoint(
    console: Visit, topic: str, subscription: str, endpoint: Endpoint
) -> None:
    endpoint.answer(202, body=b"thanks")
    page = console.open(f"#/topics/{topic}/subscriptions/{subscription}", re.compile("shop"))
    press(page, "Send a test")
    expect(dialog(page)).to_contain_text("202")
    expect(dialog(page)).to_contain_text("thanks")
    assert len(endpoint.requests) == 1


def test_unsubscribing_asks_first(console: Visit, broker: Broker, topic: str, subscription: str) -> None:
    console.permits("GET /topics/.* answered 404")
    page = console.open(f"#/topics/{topic}/subscriptions/{subscription}", re.compile("shop"))
    press(page, "Unsubscribe…")
    dialog(page).get_by_role("button", name="Cancel").click()
    assert broker.read_subscription(topic, subscription)
    press(page, "Unsubscribe…")
    confirm(page, "Unsubscribe")
    said(page, "shop is unsubscribed")
    assert broker.list_subscriptions(topic).items == []


def test_dead_letters_are_redriven_by_their_filter_and_none_that_came_later(
    console: Visit, broker: Broker, topic: str
) -> None:
    kill(broker, topic, ["no such order"] * 3 + ["other"])
    page = console.open(f"#/topics/{topic}/dead-letters", topic)
    page.get_by_role("group", name="Reasons").get_by_role("button", name="no such order").click()
    expect(page.get_by_role("checkbox", name=re.compile("^Select [0-9a-f]{8}-"))).to_have_count(3)
    press(page, "Redrive all that match…")
    action = dialog(page).get_by_role("button", name="Redrive 3")
    expect(action).to_be_enabled()
    kill(broker, topic, ["no such order"])
    confirm(page, "Redrive 3")
    said(page, "3 dead letters redriven")
    left = broker.list_dead_letters(topic).items
    assert sorted(letter.reason for letter in left) == ["no such order", "other"]
    assert broker.read_topic(topic).queue.ready == 3


def test_some_dead_letters_are_redriven_by_choice(console: Visit, broker: Broker, topic: str) -> None:
    kill(broker, topic, ["a", "b", "c"])
    page = console.open(f"#/topics/{topic}/dead-letters", topic)
    expect(page.get_by_role("button", name="Redrive selected")).to_be_disabled()
    boxes = page.get_by_role("checkbox", name=re.compile("^Select [0-9a-f]{8}-"))
    boxes.nth(0).check()
    boxes.nth(2).check()
    press(page, "Redrive selected (2)")
    said(page, "2 dead letters redriven")
    assert [letter.reason for letter in broker.list_dead_letters(topic).items] == ["b"]


def test_dead_letters_are_deleted_by_their_filter(console: Visit, broker: Broker, topic: str) -> None:
    kill(broker, topic, ["a", "b", "b"])
    page = console.open(f"#/topics/{topic}/dead-letters?reason=b", topic)
    press(page, "Delete all that match…")
    confirm(page, "Delete 2")
    said(page, "2 dead letters deleted")
    assert [letter.reason for letter in broker.list_dead_letters(topic).items] == ["a"]


def test_more_dead_letters_than_a_request_takes_are_redriven_and_deleted_all(
    console: Visit, broker: Broker, topic: str
) -> None:
    for _ in range(2):
        kill(broker, topic, ["a"] * 600)
    page = console.open(f"#/topics/{topic}/dead-letters", topic)
    press(page, "Delete all…")
    delete = dialog(page).get_by_role("button", name="Delete 1,200")
    expect(delete).to_be_disabled()  # so many need the topic's name
    dialog(page).get_by_role("textbox").fill(topic)
    expect(delete).to_be_enabled()
    dialog(page).get_by_role("button", name="Cancel").click()
    press(page, "Redrive all…")
    confirm(page, "Redrive 1,200")
    said(page, "1,200 dead letters redriven")
    assert broker.read_topic(topic).queue.ready == 1_200


def test_a_message_is_cancelled(console: Visit, broker: Broker, topic: str) -> None:
    message = broker.publish(topic, {"order": 1})
    page = console.open(f"#/topics/{topic}/messages/{message}", re.compile("Message"))
    press(page, "Cancel…")
    expect(dialog(page)).to_contain_text(message)
    confirm(page, "Cancel the message")
    said(page, "The message is deleted")
    assert broker.read_topic(topic).queue.waiting == 0


def test_one_dead_letter_is_redriven_from_its_screen(console: Visit, broker: Broker, topic: str) -> None:
    kill(broker, topic, ["a"])
    [letter] = broker.list_dead_letters(topic).items
    page = console.open(f"#/topics/{topic}/messages/{letter.id}", re.compile("Message"))
    press(page, "Redrive…")
    confirm(page, "Redrive")
    said(page, "The message is redriven")
    assert broker.trace_message(topic, letter.id).state == "waiting"


def test_a_message_is_sent_again_to_one_subscription(
    console: Visit, broker: Broker, topic: str, subscription: str, endpoint: Endpoint
) -> None:
    message = broker.publish(topic, {"order": 1})
    broker.broadcast(topic)
    endpoint.wait_for(1)
    until(lambda: broker.read_subscription(topic, subscription).behind == 0)
    page = console.open(f"#/topics/{topic}/messages/{message}", re.compile("Message"))
    press(page, "Resend…")
    dialog(page).get_by_role("button", name="Resend").click()
    expect(dialog(page)).to_contain_text("200")
    assert len(endpoint.wait_for(2)) == 2


def test_a_token_is_minted_of_what_one_may_and_shown_once(
    visit: Callable[..., Visit], mint: Callable[..., str], broker: Broker, topic: str
) -> None:
    console = visit(mint("browse", "tokens"))
    page = console.open("#/tokens", "Tokens")
    press(page, "Mint a token…")
    box = dialog(page)
    expect(box.get_by_role("checkbox")).to_have_count(2)  # only what one's own may
    box.get_by_label(re.compile("^Name")).fill(topic)
    box.get_by_role("checkbox", name=re.compile("^browse")).check()
    box.get_by_label("It ends").select_option("in an hour")
    box.get_by_role("button", name="Mint").click()
    expect(box).to_contain_text("only once")
    token = box.locator(".secret code").inner_text()
    confirm(page, "I have it")
    assert token not in page.content()
    with Broker(broker.url, token) as made:
        own = made.read_own_token()
    assert (own.name, own.scopes) == (topic, ["browse"])
    assert own.expires_at


def test_a_token_is_revoked(visit: Callable[..., Visit], mint: Callable[..., str], broker: Broker, topic: str) -> None:
    minted = broker.mint_token(topic, ["publish"])
    console = visit(mint("tokens", "publish"))
    page = console.open("#/tokens", "Tokens")
    row = page.get_by_role("row").filter(has_text=topic)
    row.get_by_role("button", name="Revoke…").click()
    confirm(page, "Revoke")
    said(page, f"{topic} is revoked")
    expect(row).to_have_count(0)
    with pytest.raises(NotFound):
        broker.read_token(minted.id)


def test_a_token_that_allows_more_cannot_be_revoked(visit: Callable[..., Visit], mint: Callable[..., str]) -> None:
    mint("publish", name="allows-more")
    mint("browse", topics=["orders"], name="allows-less")
    console = visit(mint("tokens", "browse", topics=["orders*"]))
    page = console.open("#/tokens", "Tokens")
    row = page.get_by_role("row")
    expect(row.filter(has_text="allows-less").get_by_role("button", name="Revoke…")).to_be_visible()
    expect(row.filter(has_text="allows-more").get_by_role("button", name="Revoke…")).to_have_count(0)


def test_revoking_ones_own_token_needs_its_name_and_signs_out(
    visit: Callable[..., Visit], mint: Callable[..., str], topic: str
) -> None:
    console = visit(mint("tokens", name=topic))
    page = console.open("#/tokens", "Tokens")
    row = page.get_by_role("row").filter(has_text=topic)
    expect(row).to_contain_text("this session")
    row.get_by_role("button", name="Revoke…").click()
    dialog(page).get_by_role("textbox").fill(topic)
    confirm(page, "Revoke")
    expect(console.heading).to_have_text("Sign in")
    expect(page.get_by_role("alert")).to_contain_text("revoked the token of this session")


def test_an_action_that_is_refused_says_why_and_nothing_is_done(
    console: Visit, broker: Broker, topic: str, subscription: str
) -> None:
    page = console.open(f"#/topics/{topic}/subscriptions/{subscription}", re.compile("shop"))
    console.answer("**/subscriptions/*", 409, '{"title": "It cannot be done", "detail": "because of this"}')
    press(page, "Pause")
    expect(dialog(page)).to_contain_text("It was not done")
    expect(dialog(page)).to_contain_text("because of this")
    confirm(page, "Close")
    assert broker.read_subscription(topic, subscription).state == "active"
