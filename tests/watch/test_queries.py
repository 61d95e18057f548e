"""The queries of docs/how-to/watch.md ask for what the lines have."""

import json
import re

import pytest

from tests.deployment.test_access_log import FORMAT
from tests.support.client import ROOT

LOGS = (ROOT / "docs/how-to/watch.md").read_text().partition("## Logs\n")[2].partition("\n## ")[0]
QUERIES = re.findall(r"^```\n(.*?)```", LOGS, re.DOTALL | re.MULTILINE)
COMMANDS = {"fields", "filter", "stats", "sort", "limit", "by", "as", "desc", "in", "or", "and", "like"}
FUNCTIONS = {"coalesce", "ispresent", "count", "sum", "pct"}
OF_INSIGHTS = {"@timestamp", "@message"}
OF_LAMBDA = {"type", "log_level"}  # what Lambda itself writes, and Python's runtime of an exception that was not caught
OF_FAILURES = {"message", "error", "reason", "level"}  # `the broker failed`, and warnings


def names_in(query):
    """The fields that a query names, without those that it makes."""
    made = set(re.findall(r" as (\w+)", query))
    text = re.sub(r"'[^']*'|/[^/]*/", "", query)
    return set(re.findall(r"@?[A-Za-z_][\w.]*", text)) - made - COMMANDS - FUNCTIONS


def test_there_are_queries_for_both_logs():
    assert len(QUERIES) == 6


@pytest.mark.parametrize("query", QUERIES[:-1])
def test_a_query_of_the_log_names_what_the_lines_have(query, written):
    fields = {name for line in written for name in line}
    fields |= {f"failures.0.{name}" for line in written for each in line.get("failures", []) for name in each}
    assert names_in(query) <= fields | OF_INSIGHTS | OF_LAMBDA | OF_FAILURES


def test_a_query_of_the_access_log_names_what_its_lines_have():
    assert names_in(QUERIES[-1]) - {"requests"} <= json.loads(FORMAT).keys()
