"""Each error has one line on standard error, and its exit code."""

import pytest

from tests.support.endpoints import Endpoint, answers

ASLEEP = b'{"type": "urn:pgbroker:problem:database-unavailable", "title": "asleep", "status": 503, "detail": "asleep"}'


def test_what_the_broker_refuses_exits_with_1_and_its_problem(run):
    refused = run("topics", "show", "nowhere")
    assert refused.code == 1
    assert refused.problem["type"] == "urn:pgbroker:problem:not-found"
    assert refused.problem["detail"] == 'there is no topic "nowhere"'
    assert refused.problem["request_id"]


def test_a_problem_in_words_has_its_pointers(run, topic):
    refused = run("topics", "set", topic, "--max-receives", "5000", "--output", "table")
    assert refused.code == 1
    assert refused.err == "Error: the body is not valid\n  /max_receives: Expected `int` <= 1000\n"


def test_a_command_line_that_is_wrong_exits_with_2(run):
    for arguments in (["topics", "show"], ["publsh"], ["consume", "a", "--lease", "soon"], ["topics", "set", "a"]):
        assert run(*arguments).code == 2
    assert "Did you mean publish?" in run("publsh").err


def test_a_token_that_is_wrong_exits_with_4(run):
    refused = run("topics", "ls", "--output", "table", TOKEN="brk_wrong")
    assert refused.code == 4
    assert "store a token with `pgbroker login`" in refused.err


def test_a_token_without_the_scope_exits_with_4(run, broker, topic):
    minted = broker.mint_token(topic, ["publish"])
    assert run("consume", topic, TOKEN=minted.token).code == 4
    broker.revoke_token(minted.id)


def test_a_url_that_is_none_exits_with_2(run):
    refused = run("topics", "ls", "--url", "ftp://example.com", "--output", "table")
    assert (refused.code, refused.err) == (
        2,
        "Error: the url of a broker is http://… or https://…, not 'ftp://example.com'\n",
    )
    assert run("topics", "ls", "--url", "http://[::1").code == 2


def test_a_broker_that_is_down_exits_with_3(run):
    refused = run("topics", "ls", "--url", "http://127.0.0.1:1", "--timeout", "1s")
    assert refused.code == 3
    assert refused.problem["title"] == "not reached"
    assert "Trying again" in refused.err


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[]", b"\xff\xfe", b""])
def test_an_answer_that_is_not_the_brokers_exits_with_3(run, body):
    with Endpoint() as endpoint:
        endpoint.does(answers(body=body))
        refused = run("topics", "ls", "--url", endpoint.url)
    assert refused.code == 3
    assert refused.problem["title"] == "unexpected answer"
    assert refused.out == ""


def test_a_server_that_is_not_the_broker_exits_with_3(run):
    with Endpoint() as endpoint:
        endpoint.does(answers(404, body=b"<html>not found</html>"))
        assert run("topics", "ls", "--url", endpoint.url).code == 3


def test_a_broker_whose_database_wakes_up_is_waited_for(run):
    with Endpoint() as endpoint:
        endpoint.does(answers(503, {"Retry-After": "0"}, ASLEEP), times=2)
        endpoint.does(answers(body=b'{"items": [], "next": null}'))
        woken = run("topics", "ls", "--url", endpoint.url)
    assert (woken.code, woken.out) == (0, "")
    assert woken.err == "asleep. Trying again.\nThe broker answers again.\n"


def test_a_database_that_does_not_wake_up_in_time_exits_with_3(run):
    with Endpoint() as endpoint:
        endpoint.does(answers(503, {"Retry-After": "30"}, ASLEEP))
        assert run("topics", "ls", "--url", endpoint.url, "--timeout", "5s").code == 3


def test_what_destroys_needs_a_yes_without_a_terminal(run, broker, topic):
    refused = run("topics", "rm", topic, "--output", "table")
    assert (refused.code, refused.err) == (2, f"Error: Delete the topic {topic}? Confirm it with --yes.\n")
    assert broker.read_topic(topic)
    assert run("topics", "rm", topic, "--yes").code == 0
    assert run("topics", "rm", topic, "--yes").code == 1
    assert run("topics", "rm", topic, "--yes", "--missing-ok").code == 0


def test_an_empty_token_is_not_one_of_the_environment(run):
    assert run("tokens", "self", TOKEN="").code == 4
