"""docs/explanation/security.md says what each function may, as IAM does."""

import pytest

from tests.deployment.test_rights import EXPECTED, READ, SEND
from tests.support.client import ROOT

PAGE = (ROOT / "docs/explanation/security.md").read_text()
TABLE = PAGE.partition("| function | reads secrets |")[2].partition("\n\n")[0]
CELLS = [[cell.strip() for cell in line.split("|")] for line in TABLE.splitlines()[2:]]
ROWS = {cells[1]: cells[2:5] for cells in CELLS}


def listed(names):
    return ", ".join(sorted(names)) or "none"


def test_each_function_has_a_row():
    assert ROWS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("function", sorted(EXPECTED))
def test_a_row_has_the_rights_of_its_function(function):
    rights = EXPECTED[function]
    may = {action: listed(on for what, on in rights if what == action) for action in (READ, SEND, "sqs:ReceiveMessage")}
    assert ROWS[function] == [*may.values()]
