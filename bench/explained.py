"""Read from auto_explain how the statements inside a verb ran."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench import servers

CALLS = 8  # after five, PL/pgSQL may change to a generic plan

SMALL = 2_000  # rows that a statement may scan, sort or discard without a finding

EXPLAIN = """
    LOAD 'auto_explain';
    SET auto_explain.log_min_duration = 0;
    SET auto_explain.log_nested_statements = on;
    SET auto_explain.log_analyze = on;
    SET auto_explain.log_buffers = on;
    SET auto_explain.log_timing = off;
    SET auto_explain.log_format = json;
    SET auto_explain.log_level = notice;
    SET synchronize_seqscans = off;  -- else a call may begin its scan where the last one ended
    SET search_path = broker
"""


@dataclass(frozen=True)
class Statement:
    """One statement, and how it ran."""

    query: str
    milliseconds: float
    plan: Mapping[str, Any]

    @property
    def pages(self) -> int:
        """Return the pages touched. Writes of a WITH that no other part reads are counted in the call's pages only."""
        return int(self.plan["Shared Hit Blocks"] + self.plan["Shared Read Blocks"])

    def findings(self) -> Iterator[str]:
        """Yield what grows with the tables: sequential scans, large sorts, and rows that are read and discarded."""
        for node in _nodes(self.plan):
            kind, where = node["Node Type"], node.get("Relation Name") or node.get("Index Name") or ""
            loops = node["Actual Loops"]
            removed = sum(node.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Join Filter")) * loops
            incoming = sum(
                child["Actual Rows"] * child["Actual Loops"]
                for child in node.get("Plans", [])
                if child["Parent Relationship"] == "Outer"
            )
            if kind == "Seq Scan" and node["Actual Rows"] * loops + removed > SMALL:
                yield f"Seq Scan on {where}: {node['Actual Rows'] * loops + removed:,.0f} rows"
            elif kind in {"Sort", "Incremental Sort"} and incoming > SMALL:
                yield f"{kind} of {incoming:,.0f} rows"
            elif removed > SMALL:
                yield f"{kind} {where} discarded {removed:,.0f} rows".replace("  ", " ")

    def is_replanned(self) -> bool:
        """Whether the plan was made for this call only: a generic plan has parameters where the query has variables."""
        has_comparison = re.search(r"(?<![<=])[=<>] ?[pv]_\w+", self.query)
        return bool(has_comparison) and not re.search(r"\$\d", json.dumps(self.plan))


@dataclass(frozen=True)
class Call:
    """One call of a verb: as a whole, and the statements inside it."""

    whole: Statement
    inside: list[Statement]


def call(url: str, text: str) -> Call:
    """Call a verb several times in a new session, rolling back each call; return how the last call ran."""
    notices: list[str] = []
    with servers.connect(url) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        connection.execute(EXPLAIN)
        connection.autocommit = False
        for _ in range(CALLS):
            notices.clear()
            connection.execute(text.encode(), prepare=True)
            connection.rollback()
        connection.autocommit = True
        connection.execute("SET auto_explain.log_min_duration = -1")
        connection.execute("VACUUM")
    *inside, whole = [_statement(text) for text in notices if text.startswith("duration")]
    ran = [statement for statement in inside if "Actual Rows" in statement.plan]  # without: it was only explained
    return Call(whole, ran)


def _statement(notice: str) -> Statement:
    duration, _, document = notice.partition(" ms  plan:\n")
    explained = json.loads(document)
    query = re.sub(r"\s+", " ", re.sub(r"--.*", "", explained["Query Text"])).strip()
    return Statement(query, float(duration.removeprefix("duration: ")), explained["Plan"])


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def lines(plan: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield a plan as text: a line for each node with its rows and pages, and lines for its conditions."""
    name = " ".join(
        filter(None, [plan.get("Subplan Name"), plan["Node Type"], plan.get("Relation Name"), plan.get("Index Name")])
    )
    pages = plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0)
    rows = f"rows={plan.get('Actual Rows', 0):g} of {plan['Plan Rows']:g}, loops={plan.get('Actual Loops', 1):g}"
    yield f"{'  ' * depth}{name} ({rows}, pages={pages:,})"
    for key in ("Index Cond", "Recheck Cond", "Filter", "Join Filter", "Sort Key", "Rows Removed by Filter"):
        if plan.get(key):
            yield f"{'  ' * depth}    {key}: {plan[key]}"
    for child in plan.get("Plans", []):
        yield from lines(child, depth + 1)
