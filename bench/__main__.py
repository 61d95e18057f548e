"""`python -m bench [--quick] [--write] [row ...]`: ours against references, both sides in one run."""

import argparse
import platform
import re
import sys
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path

from bench import backlogs, handlers, pushes, servers, starts
from bench.measure import Bench, Figures, Row, at_least, at_most

ROWS = (
    Row("publish", handlers.publish, "requests/s", at_least(0.60)),
    Row("publish-batch", handlers.publish_batch, "messages/s", at_least(0.50)),
    Row("consume", handlers.consume, "cycles/s", at_least(0.70)),
    Row("backlog", backlogs.backlog, "ms a cycle", at_most(1.3)),
    Row("new-process", starts.new_process, "ms", at_most(1.40)),
    Row("webhooks", pushes.webhooks, "webhooks/s", at_least(5)),
    Row("first-start", starts.first_start, "s", at_most(3)),
    Row("second-start", starts.second_start, "s", at_most(3)),
)
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HEAD = "| row | ours | reference | ratio | goal | reached |\n|---|---|---|---|---|---|"


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: coarse figures, in three minutes")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md; takes all rows")
    parser.add_argument("row", nargs="*", help=f"which rows: {', '.join(row.name for row in ROWS)}; by default all")
    wish = parser.parse_args()
    if unknown := set(wish.row) - {row.name for row in ROWS}:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    if wish.write and wish.row:
        parser.error("--write takes all rows")

    with servers.server() as server:
        lines = [_machine(server, quick=wish.quick), "", HEAD]
        print("\n".join(lines), flush=True)
        for row in ROWS:
            if not wish.row or row.name in wish.row:
                print(f"{row.name}: {row.measure.__doc__}", file=sys.stderr, flush=True)
                lines.append(_line(row, row.measure(Bench(server, wish.quick))))
                print(lines[-1], flush=True)
    if wish.write:
        _write("\n".join(lines))


def _machine(server: servers.Server, *, quick: bool) -> str:
    with servers.connect(server.url) as connection:
        [(fsync, version)] = connection.execute("SELECT current_setting('fsync'), current_setting('server_version')")
    assert fsync == "on"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}{', a quick run' if quick else ''}: {cpu_count()} cores, {_processor()},"
        f" PostgreSQL {version} with fsync on, Python {platform.python_version()}."
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1] if found else platform.machine()


def _line(row: Row, figures: Figures) -> str:
    what = f"**{row.name}**: {row.measure.__doc__} {figures.remark}".strip()
    goal = f"{'≥' if row.goal.least else '≤'} {row.goal.bound:g}"
    reached = "yes" if row.goal.reached(figures) else "no"
    if figures.reference is None:
        return f"| {what} | {_shown(figures.ours)} {row.unit} | | | {goal} {row.unit} | {reached} |"
    return (
        f"| {what} | {_shown(figures.ours)} {row.unit} | {_shown(figures.reference)} {row.unit}"
        f" | {figures.judged:.2f} | {goal} | {reached} |"
    )


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _write(table: str) -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{PAGE.name} has lost its markers"
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    main()
