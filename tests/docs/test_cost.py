"""The cost page shows what its script computes, from counts that its script measures."""

import os
import subprocess
import sys
from dataclasses import replace

import msgspec
import pytest

from broker import telemetry
from scripts.cost import __main__ as cost
from scripts.cost import model, traffic
from scripts.cost.counts import CHUNK_BYTES, State, count
from scripts.cost.events import Event, Invocation, Sent
from scripts.cost.parameters import Parameters
from scripts.cost.tables import tables
from scripts.dashboard import watch
from tests.support.client import ROOT, template

MEASURE = "import msgspec; from scripts.cost.measure import Load, measure"
OWN = {"PATH": os.environ["PATH"], "PYTHONPATH": "layers/broker:."}
REST = State(position=0, delivered=0, log_bytes=0, storage_bytes=0, wal_bytes=0, database_seconds=0)


def run(function: str, *, cpu: float = 0.0, delay: float = 0.0, size: int = 100) -> Invocation:
    return Invocation(function, worker=1, bytes=size, duration=0.5, cpu=cpu, delay=delay)


def counted(*events: Event, messages: int = 1) -> traffic.Traffic:
    """What these events and a few runs of each function give."""
    return count("a load", 1, messages, REST, REST, events)


def test_the_page_has_the_tables_that_the_script_computes() -> None:
    page = cost.PAGE.read_text()
    made = tables(traffic.read(), Parameters())
    assert page == cost.filled(page, made), "run python -m scripts.cost --write"


def test_the_script_prints_the_tables_for_other_prices(capsys: pytest.CaptureFixture[str]) -> None:
    cost.main(["--sqs", "0", "--deliver-memory", "128"])
    made = tables(traffic.read(), Parameters(sqs=0, deliver_memory=128))
    assert capsys.readouterr().out == "\n\n".join(made.values()) + "\n"
    assert made["messages"] != tables(traffic.read(), Parameters())["messages"]


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the page has no place for the table idle$"):
        cost.filled("<!-- cost: months -->\n<!-- end -->", {"idle": "| |"})


def test_the_assumptions_are_those_of_the_template() -> None:
    resources, every = template()["Resources"], template()["Globals"]["Function"]
    assert Parameters().memory == every["MemorySize"]
    assert Parameters().deliver_memory == resources["Deliver"]["Properties"].get("MemorySize", every["MemorySize"])
    assert Parameters().queues == sum(
        event["Type"] == "SQS"
        for each in resources.values()
        for event in each.get("Properties", {}).get("Events", {}).values()
        if isinstance(event, dict)
    )
    assert Parameters().metrics + Parameters().daily_metrics == len(telemetry.UNITS)
    alarms = [each.get("Metrics", [each]) for each in watch.alarms().values()]
    assert Parameters().alarm_metrics == sum(
        "MetricStat" in each or "MetricName" in each for read in alarms for each in read
    )
    quiet = every.get("LoggingConfig", {}).get("SystemLogLevel") == "WARN"
    assert (Parameters().platform_log == 0) == quiet


def test_the_managed_database_is_that_of_its_template() -> None:
    kinds = [each["Type"] for each in template()["Resources"].values()]
    assert Parameters().secrets == kinds.count("AWS::SecretsManager::Secret")
    database = template("infrastructure/database.yaml")["Resources"]
    endpoints = [each["Properties"] for each in database.values() if each["Type"] == "AWS::EC2::VPCEndpoint"]
    assert Parameters().interfaces == sum(len(each["SubnetIds"]) for each in endpoints)
    scaling = database["Cluster"]["Properties"]["ServerlessV2ScalingConfiguration"]
    assert scaling["MinCapacity"] == 0
    idle_session = 60  # seconds until PostgreSQL ends the connection of a function
    assert scaling["SecondsUntilAutoPause"] + idle_session == model.AWAKE_HOURS * 3600


def test_a_managed_database_costs_its_endpoint_and_its_hours() -> None:
    prices = replace(Parameters(), acu_hour=1, storage=10, interface=7, interfaces=2)
    assert model.endpoints(prices) == 14
    assert model.sleeping_aurora(prices) == pytest.approx(30 * 0.1 * 0.5 + 10)
    assert model.awake_aurora(prices) == pytest.approx(730 * 0.5 + 10)


def test_a_line_of_the_access_log_has_as_many_bytes_as_is_assumed() -> None:
    line = template()["Resources"]["Api"]["Properties"]["AccessLogSettings"]["Format"]
    values = {
        "integration.requestId": "6f1ed002-ab5d-5e7a-9d2e-4f5c0a1b2c3d",
        "requestId": "JKJaXmPLvHcESHA=",
        "requestTimeEpoch": "1764530000000",
        "identity.sourceIp": "203.0.113.178",
        "routeKey": "POST /topics/{topic}/messages",
        "status": "201",
        "responseLatency": "14",
        "integrationLatency": "12",
        "responseLength": "45",
        "error.message": "-",
    }
    for name, value in values.items():
        line = line.replace(f'$context.{name}"', f'{value}"')
    assert "$context" not in line
    assert Parameters().access_log == pytest.approx(len(line), rel=0.05)


def test_alarms_and_metrics_can_be_left_out() -> None:
    without = replace(Parameters(), alarm_metrics=0, dashboards=0, daily_metrics=0)
    assert model.idle(Parameters()) - model.idle(without) == pytest.approx(20 * 0.10 + 3.00 + 3 * 0.30 / 24)
    assert model.metrics(Parameters()) == pytest.approx(13 * 0.30)


def test_a_request_to_sqs_is_counted_for_each_64_kib() -> None:
    runs = [run("Publish", cpu=nth) for nth in range(3)] + [run("Dispatch", cpu=nth) for nth in range(3)]
    runs += [run("Deliver", cpu=nth, size=CHUNK_BYTES + 1) for nth in range(3)]
    found = counted(Sent("DispatchQueue", 1), Sent("DeliveryQueue", 2 * CHUNK_BYTES), *runs)
    assert found.requests_to_dispatch == 1 + 3 * (1 + 1)
    assert found.requests_to_deliver == 2 + 3 * (2 + 1)


def test_a_run_takes_what_its_process_used_until_the_next_and_the_first_does_not_count() -> None:
    of_dispatch = [run("Dispatch", cpu=cpu, delay=delay) for cpu, delay in ((0, 0), (9, 9), (9.1, 9.3), (9.2, 9.5))]
    others = [run(name, cpu=nth) for name in ("Publish", "Deliver") for nth in range(3)]
    found = counted(*of_dispatch, *others, messages=2).dispatch
    assert found == traffic.Function(runs=2, cpu_ms=100, wait_ms=150)


def test_a_million_messages_cost_the_sum_of_their_parts() -> None:
    each = traffic.Function(runs=1, cpu_ms=0, wait_ms=90)
    message = traffic.Traffic(
        load="a load",
        subscribers=1,
        messages=1,
        publish=each,
        dispatch=traffic.Function(runs=2, cpu_ms=0, wait_ms=90),
        deliver=each,
        requests_to_dispatch=6,
        requests_to_deliver=3,
        log_bytes=400,
        storage_bytes=0,
        wal_bytes=0,
        database_ms=0,
    )
    found = model.cost(message, replace(Parameters(), platform_log=400, access_log=0, memory=1024, deliver_memory=512))
    assert found.api == pytest.approx(1.00)
    assert found.invocations == pytest.approx(4 * 0.20)
    assert found.compute == pytest.approx(3.5 * 0.1 * 16.67)
    assert found.sqs == pytest.approx(9 * 0.40)
    assert found.logs == pytest.approx(5 * 400 * 1e6 / 1e9 * 0.50)
    assert found.total == pytest.approx(found.api + found.invocations + found.compute + found.sqs + found.logs)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it reads the CPU time of processes from /proc")
def test_a_load_is_measured_on_the_local_runner() -> None:
    program = f"{MEASURE}; print(msgspec.json.encode(measure([Load('20/s', 20, 1)], [2], idle_seconds=0.1)).decode())"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False, env=OWN)
    assert run.returncode == 0, run.stderr.decode()
    measured = msgspec.json.decode(run.stdout, type=traffic.Measured)

    [found] = measured.traffic
    assert (found.messages, found.publish.runs) == (20, 1)
    assert found.dispatch.runs >= found.deliver.runs > 0
    assert found.requests_to_deliver == pytest.approx(3 * found.deliver.runs, abs=0.5)
    assert found.deliver.wait_ms >= 100
    assert found.log_bytes > 0
