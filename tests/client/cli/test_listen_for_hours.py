"""listen for hours: leases, connections and endpoints break, and it ends in order."""

import signal
import socket

import pytest

from tests.client.cli.listening import listening
from tests.support.endpoints import answers_after
from tests.support.runner import until

pytestmark = pytest.mark.slow


def test_nothing_is_leased_until_something_listens(environment, broker, topic):
    message = broker.publish(topic, 1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with listening(environment, topic, "--to", str(port)) as listener:
        listener.wait_until_it_says(f"Nothing listens at http://localhost:{port}")
        assert listener.end() == 0
    assert broker.trace_message(topic, message).receives == 0


def test_ctrl_c_ends_it_after_the_request_under_way(listen, broker, topic, endpoint):
    ids = broker.publish_many(topic, [{"content": n} for n in range(2)])
    endpoint.does(answers_after(0.5))
    with listen("--batch-size", "1") as listening:
        endpoint.wait_for(1)
        assert listening.end(signal.SIGINT) == 130
    assert [each["messages"] for each in listening.rest] == [[ids[0]]]
    assert [broker.trace_message(topic, each).state for each in ids] == ["consumed", "waiting"]
    assert broker.read_topic(topic).queue.ready == 1


def test_what_was_leased_but_not_sent_is_released_at_the_end(listen, broker, topic, endpoint):
    ids = broker.publish_many(topic, [{"content": "x" * 250_000} for _ in range(2)])  # of which one fits
    endpoint.does(answers_after(0.5))
    with listen() as listening:
        endpoint.wait_for(1)
        assert listening.end() == 0
    assert [broker.trace_message(topic, each).state for each in ids] == ["consumed", "waiting"]
    assert broker.read_topic(topic).queue.ready == 1


@pytest.mark.slow
def test_a_second_ctrl_c_ends_it_at_once(listen, broker, topic, endpoint):
    broker.publish(topic, 1)
    endpoint.hang()
    with listen() as listening:
        endpoint.wait_for(1)
        listening.process.send_signal(signal.SIGINT)
        listening.wait_until_it_says("Once more ends it at once")
        assert listening.end(signal.SIGINT) == 130
    assert "Traceback" not in listening.said


@pytest.mark.slow
def test_a_lease_is_extended_while_the_endpoint_works(listen, broker, topic, endpoint):
    """For longer than a lease: two slow webhooks of messages that were leased together."""
    ids = broker.publish_many(topic, [{"content": "x" * 250_000} for _ in range(3)])
    endpoint.does(answers_after(13), times=2)
    with listen() as listening:
        events = [listening.event() for _ in range(3)]
        assert listening.end() == 0
    assert [each["messages"] for each in events] == [[each] for each in ids]
    assert [broker.trace_message(topic, each).state for each in ids] == ["consumed"] * 3
    assert "leases ended" not in listening.said


@pytest.mark.slow
def test_an_endpoint_that_hangs_is_given_up_as_the_broker_does(listen, broker, topic, endpoint):
    broker.publish(topic, 1)
    endpoint.hang()
    with listen() as listening:
        event = listening.event()
        assert listening.end() == 0
    assert (event["status"], event["reason"]) == (None, "no whole response within 15 s")


@pytest.mark.slow
def test_it_sleeps_for_longer_than_its_leases(listen, broker, topic, endpoint):
    """As a laptop does: the leases end, another consumer takes the messages, and it goes on."""
    taken, later = broker.publish(topic, 1), None
    endpoint.does(answers_after(1), times=1)
    with listen() as listening:
        endpoint.wait_for(1)
        listening.process.send_signal(signal.SIGSTOP)
        until(lambda: broker.read_topic(topic).queue.ready == 1)
        [other] = broker.consume(topic)
        listening.process.send_signal(signal.SIGCONT)
        listening.wait_until_it_says(f"other consumers have {taken}")
        later = broker.publish(topic, 2)
        listening.event()
        assert listening.event()["messages"] == [later]
        assert listening.end() == 0
    broker.ack(topic, other)


def test_a_revoked_token_ends_it(listen, broker, topic):
    token = broker.mint_token(f"listener-{topic}", scopes=["consume"])
    broker.revoke_token(token.id)
    with listen(TOKEN=token.token) as listening:
        assert listening.end(None) == 4
    assert "Connected" not in listening.said


@pytest.mark.slow
def test_a_token_that_is_revoked_later_ends_it(listen, broker, topic):
    """After a minute: so long the broker does not look at a token again."""
    token = broker.mint_token(f"listener-{topic}", scopes=["consume"])
    with listen(TOKEN=token.token) as listening:
        listening.wait_until_it_says("Connected to")
        broker.revoke_token(token.id)
        assert listening.end(None) == 4


@pytest.mark.slow
def test_a_broker_that_restarts_is_met_again(listen, proxy):
    with listen(BROKER=f"http://127.0.0.1:{proxy.port}") as listening:
        listening.wait_until_it_says("Connected to")
        proxy.refuse()
        listening.wait_until_it_says("Disconnected: ")
        proxy.work()
        listening.wait_until_it_says("Connected again.")
        assert listening.end() == 0
    assert listening.said.count("onnected") == listening.said.count(" disconnected") + 3


@pytest.mark.slow
def test_what_was_leased_to_a_broken_connection_comes_after_its_lease(listen, broker, topic, endpoint, proxy):
    with listen(BROKER=f"http://127.0.0.1:{proxy.port}") as listening:
        listening.wait_until_it_says("Connected to")
        proxy.cut()
        message = broker.publish(topic, 1)
        assert listening.event()["messages"] == [message]
        assert listening.end() == 0


@pytest.mark.slow
def test_a_connection_that_falls_silent_is_given_up(listen, broker, topic, endpoint, proxy):
    with listen(BROKER=f"http://127.0.0.1:{proxy.port}") as listening:
        listening.wait_until_it_says("Connected to")
        proxy.fall_silent()
        listening.wait_until_it_says("Disconnected: ")
        proxy.work()
        listening.wait_until_it_says("Connected again.")
        assert listening.end() == 0


def test_a_broker_that_does_not_answer_at_first_is_tried_again(listen, proxy):
    proxy.refuse()
    with listen(BROKER=f"http://127.0.0.1:{proxy.port}") as listening:
        listening.wait_until_it_says("Not connected: ")
        proxy.work()
        listening.wait_until_it_says("Connected to")
        assert listening.end() == 0
    assert "Disconnected" not in listening.said


def test_a_reader_that_has_enough_ends_it(listen, broker, topic, endpoint):
    broker.publish_many(topic, [{"content": "x" * 250_000} for _ in range(3)])  # of which one fits
    endpoint.does(answers_after(0.2))
    with listen() as listening:
        endpoint.wait_for(1)
        listening.process.stdout.close()
        assert listening.process.wait() == 0
    assert broker.read_topic(topic).queue.ready == 2
