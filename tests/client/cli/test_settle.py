"""ack, release, reject, extend and settle, with receipts as arguments or from consume."""

import json

import pytest


@pytest.fixture
def leased(broker, topic):
    """Three messages on lease, as consume prints them."""
    broker.publish_many(topic, [{"content": n} for n in range(3)])
    return broker.consume(topic, lease_seconds=600)


def lines(leased):
    return "".join(json.dumps({"id": each.id, "receipt": each.receipt}) + "\n" for each in leased)


def test_the_lines_of_consume_are_acknowledged(run, broker, topic):
    broker.publish_many(topic, [{"content": n} for n in range(3)])
    consumed = run("consume", topic, "--max", "3")
    assert run("ack", topic, stdin=consumed.out).item == {
        "acked": 3,
        "released": 0,
        "extended": 0,
        "rejected": 0,
        "gone": [],
        "stale": [],
    }
    assert broker.read_topic(topic).queue.waiting == 0


@pytest.mark.parametrize("form", ["{}", '"{}"', '{{"receipt": "{}"}}'])
def test_receipts_may_be_written_in_three_ways(run, topic, leased, form):
    assert run("ack", topic, "-", stdin="\n".join(form.format(each.receipt) for each in leased)).item["acked"] == 3


def test_a_receipt_may_be_an_argument(run, broker, topic, leased):
    first, second, third = leased
    assert run("release", topic, first.receipt, "--delay", "5m").item["released"] == 1
    assert run("reject", topic, second.receipt, "--reason", "no such customer").item["rejected"] == 1
    assert run("extend", topic, third.receipt, "--lease", "2h").item["extended"] == 1
    assert broker.trace_message(topic, first.id).state == "waiting"
    assert broker.trace_message(topic, second.id).reason == "no such customer"
    assert broker.trace_message(topic, third.id).state == "leased"


def test_a_receipt_that_is_stale_exits_with_5(run, broker, topic, leased):
    broker.settle(topic, release=leased)
    taken = broker.consume(topic, lease_seconds=600)
    settled = run("ack", topic, stdin=lines(leased[:1] + taken[1:]))
    assert settled.code == 5
    assert settled.item["acked"] == 2
    assert settled.item["stale"] == [leased[0].receipt]
    assert "Stale receipts: 1." in settled.err


def test_settling_twice_is_no_error(run, topic, leased):
    run("ack", topic, stdin=lines(leased))
    again = run("ack", topic, stdin=lines(leased))
    assert (again.code, len(again.item["gone"])) == (0, 3)


def test_more_than_a_request_takes_is_settled(run, broker, topic):
    broker.publish_many(topic, [{"content": n} for n in range(1200)])
    consumed = run("consume", topic, "--max", "1200", "--columns", "receipt")
    assert len(consumed.lines) == 1200
    assert run("ack", topic, stdin=consumed.out).item["acked"] == 1200


def test_several_ways_are_settled_at_once(run, topic, leased):
    first, second, third = leased
    body = {"ack": [first.receipt], "release": [second.receipt], "reject": [{"receipt": third.receipt, "reason": "x"}]}
    settled = run("settle", topic, stdin=json.dumps(body))
    assert [settled.item[name] for name in ("acked", "released", "rejected")] == [1, 1, 1]


def test_what_is_not_of_consume_is_refused(run, topic):
    assert "a line of standard input is none of consume" in run("ack", topic, stdin='{"id": 1}\n').problem["detail"]
    assert "no receipts" in run("ack", topic, stdin='{"receipt": null}\n').problem["detail"]
    assert run("ack", topic, "nonsense").code == 1
    assert run("settle", topic, stdin='{"ack": 1}').problem["errors"][0]["pointer"] == "/ack"
    assert run("settle", topic, stdin="{").code == 1


def test_nothing_settles_nothing(run, topic):
    assert run("ack", topic, stdin="").item["acked"] == 0
