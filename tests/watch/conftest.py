"""The lines of metrics that the functions write."""

import json

import pytest

from tests.watch import scenario


@pytest.fixture
def lines(capsys):
    """Give the lines of metrics that were written since the last call."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


@pytest.fixture
def last(lines):
    """Give the metrics of the last line that was written."""
    return lambda: metrics(lines()[-1])


def metrics(line):
    """The metrics in a line, by name."""
    [directive] = line["_aws"]["CloudWatchMetrics"]
    return {each["Name"]: line[each["Name"]] for each in directive["Metrics"]}


@pytest.fixture
def written(client, orders, queues, endpoint, monkeypatch, owner, lines):
    """All lines of a day on which something of everything happens."""
    scenario.live(client, orders, queues, endpoint, monkeypatch)
    return lines()


@pytest.fixture
def emitted(written):
    """The names of all metrics that the code emits."""
    return {name for line in written for name in metrics(line)}
