"""docs/explanation/security.md says what each function may, as IAM does."""

import pytest

from tests.deployment.test_rights import EXPECTED, LOG_IN, READ, SEND, with_managed_database
from tests.support.client import ROOT

PAGE = (ROOT / "docs/explanation/security.md").read_text()
TABLE = PAGE.partition("| function | reads secrets, with your own database |")[2].partition("\n\n")[0]
CELLS = [[cell.strip() for cell in line.split("|")] for line in TABLE.splitlines()[2:]]
ROWS = {cells[1]: cells[2:6] for cells in CELLS}


def listed(rights, action):
    return ", ".join(sorted(on for what, on in rights if what == action)) or "none"


def test_each_function_has_a_row():
    assert ROWS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("function", sorted(EXPECTED))
def test_a_row_has_the_rights_of_its_function(function):
    own, managed = EXPECTED[function], with_managed_database(function)
    assert ROWS[function] == [
        listed(own, READ),
        listed(managed, LOG_IN),
        listed(own, SEND),
        listed(own, "sqs:ReceiveMessage"),
    ]


def test_with_the_managed_database_setup_alone_reads_secrets():
    readers = {function for function in EXPECTED if listed(with_managed_database(function), READ) != "none"}
    assert readers == {"Setup"}
    assert listed(with_managed_database("Setup"), READ) == ROWS["Setup"][0]


@pytest.mark.parametrize("function", sorted(EXPECTED))
def test_both_kinds_of_databases_send_and_receive_the_same(function):
    for action in (SEND, "sqs:ReceiveMessage"):
        assert listed(EXPECTED[function], action) == listed(with_managed_database(function), action)
