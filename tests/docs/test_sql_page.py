"""docs/reference/sql.md says what the SQL door is: its functions, their arguments and columns, and its errors."""

import re
from typing import Any

import pytest

from broker import database
from broker.schema import verbs
from tests.support.client import ROOT

PAGE = (ROOT / "docs/reference/sql.md").read_text()
FUNCTIONS = re.findall(r"^\| `broker\.(\w+)\((.+?)\)` \| (.+) \|$", PAGE, re.MULTILINE)
DOOR = [verb for executed in verbs.DOOR.values() for verb in executed]
SIGNATURE = """SELECT proargnames, proargmodes, coalesce(proallargtypes, proargtypes::oid[])::regtype[]::text[]
                 FROM pg_proc WHERE pronamespace = 'broker'::regnamespace AND proname = %s"""
LOCK_TIMEOUTS = """SELECT DISTINCT setting FROM pg_proc, unnest(proconfig) setting
                    WHERE pronamespace = 'broker'::regnamespace AND proname = ANY (%s)
                      AND setting LIKE 'lock_timeout=%%'"""
FUNCTION_FILES = {file.stem: file.read_text() for file in (ROOT / "layers/broker/broker/sql/functions").rglob("*.sql")}


def sources_of_the_door() -> list[str]:
    """The source of each function of the door, and of all functions that these call."""
    found: set[str] = set()
    new = set(DOOR)
    while new:
        found |= new
        called = {name for each in new for name in re.findall(r"\b(\w+)\(", FUNCTION_FILES[each])}
        new = called & FUNCTION_FILES.keys() - found
    return [FUNCTION_FILES[name] for name in found]


def test_the_page_has_the_functions_of_the_door() -> None:
    assert [function for function, *_ in FUNCTIONS] == DOOR


def test_the_page_has_the_roles_of_the_door_with_their_verbs() -> None:
    rows = re.findall(r"^\| `broker_(\w+)_<database>` \| (.+) \|$", PAGE, re.MULTILINE)
    assert {kind: tuple(re.findall(r"`(\w+)`", executed)) for kind, executed in rows} == verbs.DOOR


@pytest.mark.parametrize(("function", "arguments", "returned"), FUNCTIONS, ids=[name for name, *_ in FUNCTIONS])
def test_a_function_has_the_arguments_and_columns_that_the_page_says(
    owner: Any, function: str, arguments: str, returned: str
) -> None:
    names, modes, types = owner.execute(SIGNATURE, [function]).fetchone()
    modes = modes or ["i"] * len(names)
    taken = [
        f"{name.removeprefix('p_')} {kind.replace('integer', 'int')}"
        for name, mode, kind in zip(names, modes, types, strict=True)
        if mode == "i"
    ]
    shown = arguments.split(", ")
    assert taken[: len(shown)] == shown
    columns = [name for name, mode in zip(names, modes, strict=True) if mode == "t"]
    listed = [word for piece in re.findall(r"`([^`]+)`", returned) for word in re.split(r", ", piece)]
    named = [word.split()[0] for word in listed]
    assert named == columns[: len(named)] if columns else named == ["uuid"]


def test_the_page_has_the_errors_of_the_door() -> None:
    raised = set().union(*(set(re.findall(r"ERRCODE = '(MB\d{3})'", source)) for source in sources_of_the_door()))
    shown = re.findall(r"^\| `(MB\d{3})` \|", PAGE, re.MULTILINE)
    assert shown == sorted(raised)
    assert all(f"MB{kind.status}" == code for code, kind in database.REFUSALS.items() if code in shown)


def test_the_page_says_how_long_the_door_waits_for_a_lock(owner: Any) -> None:
    waits = owner.execute(LOCK_TIMEOUTS, [DOOR]).fetchall()
    assert waits == [("lock_timeout=5s",)]
    assert "`55P03` | another transaction held what the call needs for 5 s;" in PAGE
