"""Every SQL statement in the Python code fits the schema: this finds misspelt functions, columns and tables."""

import ast
import re

import pytest

from tests.support.client import ROOT

STATEMENT = re.compile(r"(SELECT|INSERT|UPDATE|DELETE) .*\bbroker\.", re.DOTALL)
PLACEHOLDER = re.compile(r"%\((?P<name>\w+)\)s|%s")


def statements():
    """Each statement that uses the schema, as a parameter named by its file and line."""
    return [
        pytest.param(node.value, id=f"{file.stem}:{node.lineno}")
        for file in sorted((ROOT / "layers/broker/broker").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value)
    ]


def number_parameters(statement):
    """Replace the placeholders of psycopg by those of PostgreSQL: $1 for the first name, and so on."""
    names = list(dict.fromkeys(match[0] for match in PLACEHOLDER.finditer(statement)))
    return PLACEHOLDER.sub(lambda match: f"${names.index(match[0]) + 1}", statement)


@pytest.mark.parametrize("statement", statements())
def test_a_statement_of_the_package_fits_the_schema(owner, statement):
    owner.execute(f"PREPARE checked AS {number_parameters(statement)}")


def test_the_search_finds_the_statements_of_the_package():
    assert len(statements()) > 25
