"""rates: what happened in each step of a time."""

from tests.support.endpoints import Endpoint


def test_the_rates_of_a_topic_have_a_line_for_each_step(run, topic):
    for content in ("1", "2"):
        run("publish", topic, content)
    steps = run("rates", topic).lines
    assert len(steps) == 60
    assert sum(step["published"] for step in steps) == 2
    table = run("rates", topic, "--since", "2h", "--step", "3h", "--output", "table").out.splitlines()
    assert table[0].split() == ["AT", "PUBLISHED", "BROADCAST", "DIED"]
    # one line or two: a step begins at a multiple of three hours
    counted = [[int(cell) for cell in line.split()[1:]] for line in table[1:]]
    assert [sum(column) for column in zip(*counted, strict=True)] == [2, 0, 0]


def test_the_rates_of_a_subscription_are_its_attempts(run, topic):
    with Endpoint() as endpoint:
        run("subscriptions", "add", topic, endpoint.url, "--name", "billing")
        table = run("rates", topic, "--subscription", "billing", "--step", "3h", "--output", "table").out.splitlines()
        step = run("rates", topic, "--subscription", endpoint.url, "--step", "3h").lines[-1]
    assert [table[0].split(), table[-1].split()[1:]] == [["AT", "ATTEMPTS", "FAILED", "P95", "MS"], ["0", "0"]]
    assert (step["attempts"], step["published"]) == (0, None)


def test_more_than_120_steps_are_refused(run, topic):
    run("publish", topic, "1")
    refused = run("rates", topic, "--since", "2h", "--step", "1s")
    assert refused.code == 1
    assert refused.problem["errors"][0]["parameter"] == "step_seconds"
