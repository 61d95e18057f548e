"""listen: webhooks of the messages of a queue, as the broker makes them, and what their responses do."""

import msgspec
import pytest

from pgbroker import Broker
from pgbroker.webhooks import verify
from tests.client.cli.terminal import terminal

STRANGE = [
    ' {"total": 1.10, "big": 12345678901234567890123, "e": 1E2}',
    '"caf\u00e9 \\u00e9 \u2028 <&> \U0001f600 \\/ \\ud83d\\ude00"',
    "[ ]",
    "null",
]


def publish_strange(broker, topic):
    """Publish messages whose bytes are easy to change."""
    for content in STRANGE:
        broker.publish(topic, msgspec.Raw(content.encode()))
    broker.publish(topic, 1, key='k"\\\x7f\x1f\n\u00e9', sender="\u00e9\x01\t/", attributes={"b": "2", "a": '\u00e9"'})


def test_a_webhook_is_byte_for_byte_the_broker_s_own(listen, broker, topic, endpoint):
    publish_strange(broker, topic)
    endpoint.answer(410, path="/hook")
    with listen() as listening:
        [ours] = endpoint.wait_for(1)
        assert listening.end(None) == 1
    subscription = broker.subscribe(topic, f"{endpoint.url}/push")
    broker.broadcast(topic)
    theirs = endpoint.wait_for(2)[1]

    made_up = msgspec.json.decode(ours.body)["subscription"]
    assert ours.body.replace(made_up.encode(), subscription.id.encode()) == theirs.body
    assert list(ours.headers) == list(theirs.headers)
    own = {"host", "webhook-id", "webhook-timestamp", "webhook-signature"}
    assert {k: v for k, v in ours.headers.items() if k not in own} == {
        k: v for k, v in theirs.headers.items() if k not in own
    }
    assert ours.headers["webhook-id"].replace(made_up, subscription.id) == theirs.headers["webhook-id"]


def test_a_webhook_has_as_many_messages_as_the_broker_s_own(listen, broker, topic, endpoint):
    for _ in range(3):
        broker.publish(topic, '"' * 60_000)  # 120,000 bytes, and twice as many when they are escaped again
    endpoint.answer(410, path="/hook")
    with listen() as listening:
        assert listening.end(None) == 1
    broker.subscribe(topic, f"{endpoint.url}/push")
    broker.broadcast(topic)
    ours, theirs = (msgspec.json.decode(each.body)["messages"] for each in endpoint.wait_for(2)[:2])
    assert ours == theirs
    assert len(ours) == 1


@pytest.mark.slow
def test_a_webhook_is_signed_with_a_secret_that_is_shown_first(listen, broker, topic, endpoint):
    message = broker.publish(topic, {"order": 1}, key="k")
    with listen() as listening:
        listening.wait_until_it_says("Connected to")
        [received] = endpoint.wait_for(1)
        event = listening.event()
        assert listening.end() == 0
    assert listening.said.splitlines()[0] == f"The secret of these webhooks: {listening.secret}"
    delivery = verify(received.body, received.headers, listening.secret)
    assert [(each.id, each.seq, each.content) for each in delivery.messages] == [(message, 1, {"order": 1})]
    assert (event["status"], event["result"], event["messages"]) == (200, "delivered", [message])
    assert event["webhook_id"] == delivery.webhook_id
    assert broker.trace_message(topic, message).state == "consumed"


def test_a_secret_may_be_given_and_is_not_shown(listen, broker, topic, endpoint, tmp_path):
    broker.publish(topic, 1)
    secret = "whsec_YSBzZWNyZXQgb2YgYSB0ZXN0"
    (tmp_path / "secret").write_text(f"{secret}\n")
    with listen("--max", "1", "--secret-file", str(tmp_path / "secret")) as listening:
        assert listening.end(None) == 0
    assert "whsec_" not in listening.said
    [received] = endpoint.requests
    assert verify(received.body, received.headers, secret).topic == topic


def test_a_secret_that_is_none_is_refused(run, topic):
    refused = run("listen", topic, "--to", "1", WEBHOOK_SECRET="secret")
    assert (refused.code, "a secret is whsec_" in refused.err) == (2, True)


@pytest.mark.slow
def test_messages_that_are_named_as_failed_come_again_one_by_one(listen, broker, topic, endpoint):
    ids = broker.publish_many(topic, [{"content": n} for n in range(3)])
    endpoint.answer(200, body=msgspec.json.encode({"failed": ids[1:]}), times=1)
    with listen("--max", "5") as listening:
        assert listening.end(None) == 5
    event, *again = listening.rest
    assert (event["failed"], event["again_seconds"]) == (sorted(ids[1:]), 5)
    assert [each["messages"] for each in again] == [[ids[1]], [ids[2]]]
    assert {each["webhook_id"].rpartition("_")[2] for each in again} == {"again"}
    seqs = [[each["seq"] for each in msgspec.json.decode(r.body)["messages"]] for r in endpoint.requests]
    assert seqs == [[1, 2, 3], [2], [3]]


@pytest.mark.slow
def test_a_refused_webhook_comes_again_message_by_message(listen, broker, topic, endpoint):
    ids = broker.publish_many(topic, [{"content": n} for n in range(2)])
    endpoint.answer(400, body=b"no\n", times=1)
    with listen("--max", "4") as listening:
        assert listening.end(None) == 5
    events = listening.rest
    assert [(each["result"], each["messages"]) for each in events] == [
        ("refused", ids),
        ("delivered", ids[:1]),
        ("delivered", ids[1:]),
    ]
    assert events[0]["answer"] == "no"


@pytest.mark.parametrize(
    ("status", "headers", "result", "seconds"),
    [
        pytest.param(500, {}, "retry", 5, marks=pytest.mark.slow),
        pytest.param(302, {"location": "/other"}, "retry", 5, marks=pytest.mark.slow),
        pytest.param(408, {}, "retry", 5, marks=pytest.mark.slow),
        (503, {"retry-after": "3600"}, "retry", 3600),
        pytest.param(429, {}, "slow", 30, marks=pytest.mark.slow),
        (429, {"retry-after": "7200"}, "slow", 7200),
    ],
)
def test_what_is_not_taken_now_is_released_with_a_delay(
    listen, broker, topic, endpoint, status, headers, result, seconds
):
    message = broker.publish(topic, 1)
    endpoint.answer(status, headers)
    with listen() as listening:
        event = listening.event()
        assert listening.end() == 0
    assert (event["status"], event["result"], event["again_seconds"]) == (status, result, seconds)
    waits = broker.trace_message(topic, message)
    assert waits.state == "waiting"
    assert broker.read_topic(topic).queue.delayed == 1
    assert len(endpoint.requests) == 1


def test_what_is_aborted_is_a_dead_letter(listen, broker, topic, endpoint):
    broker.publish(topic, 1)
    endpoint.answer(400, {"webhook-delivery": "abort-message"}, b"nonsense")
    with listen("--max", "1") as listening:
        assert listening.end(None) == 5
    assert [each["result"] for each in listening.rest] == ["dead"]
    [letter] = broker.list_dead_letters(topic).items
    assert letter.reason == "the endpoint asked to abort: nonsense"


def test_an_endpoint_that_wants_nothing_more_ends_it(listen, broker, topic, endpoint):
    broker.publish_many(topic, [{"content": n} for n in range(3)])
    endpoint.answer(410)
    with listen("--batch-size", "2") as listening:
        assert listening.end(None) == 1
    assert "answered 410: it wants no more webhooks" in listening.said
    assert broker.read_topic(topic).queue.ready == 3
    assert len(endpoint.requests) == 1


def test_several_topics_go_to_one_endpoint(listen, broker, topic):
    other = f"{topic}-other"
    for each in (topic, other):
        broker.publish(each, each)
    with listen(other, "--max", "1") as listening:
        assert listening.end(None) == 0
    assert {each["topic"] for each in listening.rest} == {topic, other}


def test_a_topic_that_is_not_there_yet_is_waited_for(listen, broker, topic, endpoint):
    broker.delete_topic(topic)
    with listen("--max", "1") as listening:
        listening.wait_until_it_says(f'there is no topic "{topic}" yet: waiting for it')
        broker.publish(topic, 1)
        assert listening.end(None) == 0
    assert len(listening.rest) == 1
    assert listening.said.count("waiting for it") == 1


def test_quiet_shows_only_what_is_not_delivered(listen, broker, topic, endpoint):
    ids = broker.publish_many(topic, [{"content": n} for n in range(2)])
    endpoint.answer(200, times=1)
    endpoint.answer(400, {"webhook-delivery": "abort-message"}, times=1)
    with listen("--quiet", "--batch-size", "1", "--max", "2") as listening:
        assert listening.end(None) == 5
    assert [each["messages"] for each in listening.rest] == [[ids[1]]]


def test_a_terminal_shows_a_line_for_each_webhook(environment, broker, topic, endpoint):
    ids = broker.publish_many(topic, [{"content": n} for n in range(2)])
    endpoint.answer(400, {"webhook-delivery": "abort-message"}, b"\x1b[2Jno", times=1)
    colored = {**environment, "TERM": "xterm-256color"}
    with terminal(["listen", topic, "--to", endpoint.url, "--batch-size", "1", "--max", "2"], colored) as screen:
        assert screen.end() == 5
    assert "none" not in screen.shown
    [dead, delivered] = [line for line in screen.shown.splitlines() if topic in line and "ms" in line]
    assert f"{topic}  {ids[0]}" in dead
    assert "dead letters: \\x1b[2Jno" in dead
    assert "\x1b[33m[400]" in dead
    assert "\x1b[32m[200]" in delivered


@pytest.mark.parametrize("url", ["ftp://a", "http://", "http://a b", "x://y", "http://a\u00e9"])
def test_a_url_that_is_none_is_refused(run, url):
    assert run("listen", "a", "--to", url).code == 2


def test_the_broker_s_own_settings_are_used(run, topic):
    assert run("listen", topic, "--to", "1", "--batch-size", "1001").code == 2
    assert run("listen", "--to", "1").code == 2


def test_it_needs_only_the_right_to_consume(listen, broker: Broker, topic, endpoint):
    broker.publish(topic, 1)
    token = broker.mint_token(f"consumer-{topic}", scopes=["consume"], topics=[topic])
    with listen("--max", "1", TOKEN=token.token) as listening:
        assert listening.end(None) == 0
