"""What the broker logs of itself, beside requests and failures: metrics of partitions, and warnings."""

import json
from uuid import UUID

from broker import telemetry


def test_the_partitions_that_stay_are_metrics_of_the_service(capsys):
    telemetry.log_partitions(2, 45)
    line = json.loads(capsys.readouterr().out)
    assert (line["service"], line["KeptPartitions"], line["KeptPartitionAge"]) == ("pgbroker", 2, 45)
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "pgbroker",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "KeptPartitions", "Unit": "Count"}, {"Name": "KeptPartitionAge", "Unit": "Count"}],
    }


def test_metrics_are_written_when_no_partition_stays_too(capsys):
    telemetry.log_partitions(0, 0)
    line = json.loads(capsys.readouterr().out)
    assert (line["KeptPartitions"], line["KeptPartitionAge"]) == (0, 0)


def test_a_warning_has_its_facts_as_fields(log_lines):
    telemetry.warn("a subscription's backlog expired", topic="orders", subscription=UUID(int=7), messages=3)
    [line] = log_lines()
    assert (line["level"], line["message"]) == ("WARNING", "a subscription's backlog expired")
    assert (line["topic"], line["subscription"], line["messages"]) == ("orders", str(UUID(int=7)), 3)


def test_the_facts_of_a_warning_are_not_in_the_next_line(log_lines):
    telemetry.warn("messages keep a partition past the retention", topic="orders")
    telemetry.warn("a partition stays past the retention", partition="19700101_000000")
    assert "topic" not in log_lines()[1]
