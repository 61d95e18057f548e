"""`python -m bench [--quick] [--write | --against COMMIT] [row ...]`: measure the broker against references.

With `--against`, this tree is measured against another commit instead. Either way both are measured in the same run.
"""

import argparse
import platform
import re
import signal
import sys
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path

from bench import (
    against,
    backlogs,
    clients,
    commands,
    contests,
    deliveries,
    gateways,
    handlers,
    lines,
    looks,
    memories,
    overviews,
    plots,
    publishers,
    pushes,
    servers,
    snapshots,
    starts,
    webhooks,
)
from bench.measure import Bench, Figures, Row, Skip, at_least, at_most, select, shown

ROWS = (
    Row("publish", handlers.publish, "requests/s", at_least(0.60)),
    Row("publish-batch", handlers.publish_batch, "messages/s", at_least(0.50)),
    Row("consume", handlers.consume, "cycles/s", at_least(0.70)),
    Row("http-1", gateways.rate(1), "requests/s", at_least(0.25)),
    Row("http-8", gateways.rate(8), "requests/s", at_least(0.25)),
    Row("http-32", gateways.rate(32), "requests/s", at_least(0.25)),
    Row("http-tail", gateways.tail, "ms", at_most(5)),
    Row("publish-cpu", gateways.cpu, "µs each", at_most(3)),
    Row("metrics-line", lines.line, "µs", at_most(50)),
    Row("webhook-verify", webhooks.verification, "ms", at_most(1)),
    Row("backlog", backlogs.backlog, "ms a cycle", at_most(1.3)),
    Row("in-flight", backlogs.in_flight, "ms a cycle", at_most(1.2)),
    Row("dead", backlogs.dead, "ms a cycle", at_most(1.2)),
    Row("snapshot", backlogs.snapshot, "ms a cycle", at_most(1.5)),
    Row("snapshot-claim", snapshots.claim, "ms", at_most(1.5)),
    Row("snapshot-look", snapshots.look, "ms", at_most(1.5)),
    Row("snapshot-publish", snapshots.publish, "ms", at_most(1.5)),
    Row("overview", overviews.overview, "ms", at_most(60)),
    Row("rates", looks.rates, "ms", at_most(0.3)),
    *(
        Row(f"{verb.__name__}-{peer.name}", verb(peer), "messages/s", at_least(1))
        for verb in (contests.enqueue, contests.dequeue)
        for peer in (contests.PROCRASTINATE, contests.PG_BOSS, contests.GRAPHILE_WORKER)
    ),
    Row("new-process", starts.new_process, "ms", at_most(1.25)),
    Row("push-webhooks", pushes.webhooks, "webhooks/s", at_least(8)),
    Row("push-cpu", pushes.cpu, "µs each", at_most(0.125)),
    Row("push-rows", deliveries.rows, "rows", at_most(1010)),
    Row("push-wal", deliveries.wal, "bytes", at_most(1045)),
    Row("push-fan-out", deliveries.fan_out, "webhooks/s", at_least(0.22)),
    Row("push-one", deliveries.one, "messages/s", at_least(15_000)),
    Row("push-hanging", deliveries.hanging, "ms", at_most(1.15)),
    Row("push-planning", deliveries.planning, "ms", at_most(1.3)),
    Row("push-beside", publishers.beside, "ms", at_most(3)),
    Row("push-auto", publishers.auto, "requests/s", at_least(0.8)),
    Row("push-latency", publishers.latency, "ms", at_most(12)),
    Row("push-latency-tail", publishers.latency_tail, "ms", at_most(40)),
    Row("client-buffered", clients.buffered, "messages/s", at_least(10)),
    Row("client-consumer", clients.consumer, "messages/s", at_least(0.8)),
    Row("client-tasks", clients.tasks, "messages/s", at_least(0.9)),
    Row("first-start", starts.first_start, "s", at_most(3)),
    Row("second-start", starts.second_start, "s", at_most(3)),
    Row("memory", memories.memory, "MB", at_most(60)),
    Row("memory-growth", memories.growth, "MB", at_most(1.05)),
    Row("command-help", commands.help_, "ms", at_most(6)),
    Row("publish-lines", commands.publish_lines, "lines/s", at_least(10_000)),
)
PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "benchmarks.md"
PLOT = PAGE.with_suffix(".svg")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HEAD = "| row | ours | reference | ratio | goal | reached |\n|---|---|---|---|---|---|"


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: coarse figures, in three minutes")
    parser.add_argument(
        "--write", action="store_true", help="write the table and its plot into docs/; only for all rows"
    )
    parser.add_argument(
        "--against", metavar="COMMIT", help="compare this tree with a commit of it instead; name at least one row"
    )
    parser.add_argument(
        "row",
        nargs="*",
        help=f"a row, or the beginning of names; all by default: {', '.join(row.name for row in ROWS)}",
    )
    options = parser.parse_args()
    if options.against and (options.write or not options.row):
        parser.error("--against needs the names of rows, and writes no table")
    if options.against:
        print(f"{_describe_machine(quick=options.quick)}.\n", flush=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends as with Ctrl-C, and leaves nothing behind
        sys.exit(not against.compare(ROWS, options.against, options.row, quick=options.quick))
    if options.write and options.row:
        parser.error("--write needs all rows: name none")

    names = select([row.name for row in ROWS], options.row)
    with servers.server() as server:
        lines = [f"{_describe_machine(quick=options.quick)}, {_describe_postgres(server)}.", "", HEAD]
        print("\n".join(lines), flush=True)
        for row in ROWS:
            if row.name in names:
                print(f"{row.name}: {row.measure.__doc__}", file=sys.stderr, flush=True)
                lines.append(_measure(row, Bench(server, options.quick)))
                print(lines[-1], flush=True)
    if options.write:
        _write("\n".join(lines))


def _measure(row: Row, bench: Bench) -> str:
    try:
        return _line(row, row.measure(bench))
    except Skip as reason:
        return f"| **{row.name}**: not measured, {reason}. | | | | {_goal(row)} | |"


def _describe_machine(*, quick: bool) -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d}{', a quick run' if quick else ''}: {cpu_count()} cores, {_processor()},"
        f" Python {platform.python_version()}"
    )


def _describe_postgres(server: servers.Server) -> str:
    with servers.connect(server.url) as connection:
        [(fsync, version)] = connection.execute("SELECT current_setting('fsync'), current_setting('server_version')")
    assert fsync == "on"
    return f"PostgreSQL {version} with fsync on"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1] if found else platform.machine()


def _line(row: Row, figures: Figures) -> str:
    what = f"**{row.name}**: {row.measure.__doc__} {figures.remark}".strip()
    reached = "yes" if row.goal.reached(figures) else "no"
    if figures.reference is None:
        return f"| {what} | {shown(figures.ours)} {row.unit} | | | {_goal(row)} {row.unit} | {reached} |"
    return (
        f"| {what} | {shown(figures.ours)} {row.unit} | {shown(figures.reference)} {row.unit}"
        f" | {figures.score:.2f} | {_goal(row)} | {reached} |"
    )


def _goal(row: Row) -> str:
    return f"{'≥' if row.goal.is_minimum else '≤'} {row.goal.bound:g}"


def _write(table: str) -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{PAGE.name} has no markers for the table"
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
    PLOT.write_text(plots.draw(table))


if __name__ == "__main__":
    main()
