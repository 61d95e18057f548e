"""rates: what happened in each step of a time."""

from datetime import UTC, datetime

from tests.support.endpoints import Endpoint


def test_the_rates_of_a_topic_have_a_line_for_each_step(run, topic):
    # only what is published from now on, since 165,000 messages of another test would be estimated
    now = datetime.now(UTC).isoformat()
    for content in ("1", "2"):
        run("publish", topic, content)
    assert len(run("rates", topic).lines) == 60
    assert sum(step["published"] for step in run("rates", topic, "--since", now).lines) == 2
    table = run("rates", topic, "--since", now, "--step", "3h", "--output", "table").out.splitlines()
    assert table[0].split() == ["AT", "PUBLISHED", "BROADCAST", "DIED"]
    assert [line.split()[1:] for line in table[1:]] == [["2", "0", "0"]]


def test_the_rates_of_a_subscription_are_its_attempts(run, topic):
    with Endpoint() as endpoint:
        run("subscriptions", "add", topic, endpoint.url, "--name", "billing")
        table = run("rates", topic, "--subscription", "billing", "--step", "3h", "--output", "table").out.splitlines()
        [step] = run("rates", topic, "--subscription", endpoint.url, "--step", "3h").lines
    assert [table[0].split(), table[1].split()[1:]] == [["AT", "ATTEMPTS", "FAILED", "P95", "MS"], ["0", "0"]]
    assert (step["attempts"], step["published"]) == (0, None)


def test_more_than_120_steps_are_refused(run, topic):
    run("publish", topic, "1")
    refused = run("rates", topic, "--since", "2h", "--step", "1s")
    assert refused.code == 1
    assert refused.problem["errors"][0]["parameter"] == "step_seconds"
