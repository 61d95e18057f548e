"""docs/reference/sql.md says what the SQL door is: its functions, their arguments and columns, and its errors."""

import re
from typing import Any

import pytest

from broker import database, errors
from broker.schema import roles
from tests.support.client import ROOT

PAGE = (ROOT / "docs/reference/sql.md").read_text()
FUNCTIONS = re.findall(r"^\| `broker\.(\w+)\((.+?)\)` \| (.+) \|$", PAGE, re.MULTILINE)
SIGNATURE = """SELECT proargnames, proargmodes, coalesce(proallargtypes, proargtypes::oid[])::regtype[]::text[]
                 FROM pg_proc WHERE pronamespace = 'broker'::regnamespace AND proname = %s"""


def test_the_page_has_the_functions_of_the_door() -> None:
    assert [function for function, *_ in FUNCTIONS] == list(roles.DOOR)


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
    shown = re.findall(r"^\| `(BR\d{3})` \|", PAGE, re.MULTILINE)
    assert shown == [code for code in database.REFUSALS if code.startswith("BR")]
    assert [int(code.removeprefix("BR")) for code in shown] == [
        int(kind.status)
        for kind in (errors.InvalidInput, errors.NotFound, errors.Conflict, errors.IdempotencyKeyReused)
    ]
