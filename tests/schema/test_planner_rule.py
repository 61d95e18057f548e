"""The planner rule: what reads a large table is planned by index only."""

import re

import pytest

LARGE = {
    "queue",
    "messages",
    "kept_messages",
    "contents",
    "log",
    "kept_log",
    "entries",
    "log_spans",
    "attempts",
    "topics",
    "topic_states",
    "batch_windows",
    "subscriptions",
    "cursors",
    "redeliveries",
    "idempotency_keys",
}
NAME = rf"(?:broker\.)?({'|'.join(LARGE)})"
READ = re.compile(
    rf"(?:(?:FROM|JOIN|UPDATE|USING)\s+{NAME}\b)|(?:,\s+{NAME}\s+[a-z]\b)"
)  # each one of a list has an alias


@pytest.fixture
def functions(owner):
    """The definition of each function of the schema by its name, without comments."""
    found = owner.execute(
        "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'broker'::regnamespace"
    )
    return {name: re.sub(r"--.*", "", definition) for name, definition in found}


def uncovered(functions, name, callers=()):
    """The functions through which this one is called without the setting; none when all set it."""
    if re.search("^ SET enable_seqscan TO 'off'", functions[name], re.MULTILINE):
        return set()
    calls = [each for each in functions if each != name and re.search(rf"\b{name}\(", functions[each])]
    above = [each for each in calls if each not in callers]
    return set().union(*(uncovered(functions, each, (*callers, name)) for each in above)) if above else {name}


def test_a_function_that_reads_a_large_table_or_each_that_calls_it_turns_scans_off(functions):
    """A plan that was made for an empty table is used until the next ANALYZE, perhaps of millions of rows by then.

    So a function that reads a table that may become large has SET enable_seqscan = off in its own definition.
    PostgreSQL then uses an index whatever it believes about the size, and the verbs have an index for each question
    (test_pages.py counts the pages). Those that join large tables turn hash and merge joins off as well, which would
    read a whole table by its index. With these, one plan holds from no rows to millions, so plan_cache_mode =
    force_generic_plan saves to plan again at each call.

    A helper without settings runs with those of its callers, where PostgreSQL may inline it; then each of them has
    them.
    """
    reading = {name for name, definition in functions.items() if READ.search(definition)}
    assert len(reading) > 40
    assert {name: found for name in reading if (found := uncovered(functions, name))} == {}


def test_the_search_finds_what_reads_a_large_table(functions):
    reads = {
        name: {first or later for first, later in READ.findall(definition)} for name, definition in functions.items()
    }
    assert reads["trace_message"] >= {"contents", "queue", "entries"}
    assert reads["clear_kept"] >= {"kept_messages", "kept_log", "queue", "redeliveries"}
    assert reads["plan_batches"] >= {"cursors", "subscriptions", "topics", "topic_states"}  # after commas too
    assert reads["ticks"] == set()
