"""How the statements inside a verb ran: auto_explain tells, and here it is read."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench import servers

CALLS = 8  # PL/pgSQL thinks of a generic plan after five

# Rows that a statement may sort or throw away without a remark.
SMALL = 2_000

EXPLAIN = """
    LOAD 'auto_explain';
    SET auto_explain.log_min_duration = 0;
    SET auto_explain.log_nested_statements = on;
    SET auto_explain.log_analyze = on;
    SET auto_explain.log_buffers = on;
    SET auto_explain.log_timing = off;
    SET auto_explain.log_format = json;
    SET auto_explain.log_level = notice;
    SET synchronize_seqscans = off;  -- or one call would begin where the last one found its row
    SET search_path = broker
"""


@dataclass(frozen=True)
class Statement:
    """A statement as it ran."""

    query: str
    milliseconds: float
    plan: Mapping[str, Any]

    @property
    def pages(self) -> int:
        """Pages touched; what a WITH writes without being read is told by the call only."""
        return int(self.plan["Shared Hit Blocks"] + self.plan["Shared Read Blocks"])

    def faults(self) -> Iterator[str]:
        """What grows with the tables."""
        for node in _nodes(self.plan):
            kind, where = node["Node Type"], node.get("Relation Name") or node.get("Index Name") or ""
            loops = node["Actual Loops"]
            removed = sum(node.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Join Filter")) * loops
            came = sum(
                child["Actual Rows"] * child["Actual Loops"]
                for child in node.get("Plans", [])
                if child["Parent Relationship"] == "Outer"
            )
            if kind == "Seq Scan" and node["Actual Rows"] * loops + removed > SMALL:
                yield f"Seq Scan on {where}: {node['Actual Rows'] * loops + removed:,.0f} rows"
            elif kind in {"Sort", "Incremental Sort"} and came > SMALL:
                yield f"{kind} of {came:,.0f} rows"
            elif removed > SMALL:
                yield f"{kind} {where} threw away {removed:,.0f} rows".replace("  ", " ")

    def replanned(self) -> bool:
        """Whether the plan was made for this call: a lasting one has parameters where the query has variables."""
        compares = re.search(r"(?<![<=])[=<>] ?[pv]_\w+", self.query)
        return bool(compares) and not re.search(r"\$\d", json.dumps(self.plan))


@dataclass(frozen=True)
class Call:
    """A verb's call: the whole of it, and the statements inside."""

    whole: Statement
    inside: list[Statement]


def call(url: str, text: str) -> Call:
    """Call a verb in a session of its own, each time taking back what it did, and tell of the last call."""
    said: list[str] = []
    with servers.connect(url) as connection:
        connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        connection.execute(EXPLAIN)
        connection.autocommit = False
        for _ in range(CALLS):
            said.clear()
            connection.execute(text.encode(), prepare=True)
            connection.rollback()
        connection.autocommit = True
        connection.execute("SET auto_explain.log_min_duration = -1")
        connection.execute("VACUUM")
    *inside, whole = [_statement(text) for text in said if text.startswith("duration")]
    return Call(whole, [statement for statement in inside if "Actual Rows" in statement.plan])  # not an EXPLAIN's


def _statement(said: str) -> Statement:
    duration, _, document = said.partition(" ms  plan:\n")
    explained = json.loads(document)
    query = re.sub(r"\s+", " ", re.sub(r"--.*", "", explained["Query Text"])).strip()
    return Statement(query, float(duration.removeprefix("duration: ")), explained["Plan"])


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def lines(plan: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Write a plan as text: a line a node, with what it found and how it looked."""
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
