"""The page of the command line has the commands as they are."""

import inspect
import re

from pgbroker.cli import exits
from pgbroker.cli.session import FORMS
from scripts import command_line


def test_the_page_has_every_command_as_it_is() -> None:
    page = command_line.PAGE.read_text()
    assert command_line.generated(page) == page, "run python -m scripts.command_line"


def test_the_page_has_the_exit_codes() -> None:
    section = command_line.PAGE.read_text().partition("## Exit codes\n")[2].partition("\n## ")[0]
    codes = {value for name, value in inspect.getmembers(exits) if name.isupper() and isinstance(value, int)}
    assert set(map(int, re.findall(r"^\| (\d+) \|", section, re.MULTILINE))) == codes


def test_the_page_has_the_forms_of_output() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| ", command_line.PAGE.read_text(), re.MULTILINE)) >= set(FORMS)
