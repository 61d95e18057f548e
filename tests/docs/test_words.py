"""Plain words: what users and newcomers read has none of the words that made it hard to read.

Looked at: the pages, the contract, the names of the tests, and all comments, docstrings and texts of the code that is
deployed or run.
docs/explanation/architecture.md has the words to use instead.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import ROOT

# Each with what to write instead.
WORDS = {
    r"told|tells": "given, shown, says",
    r"shall": "must, will",
    r"wish(es)?": "request, options, settings",
    r"whoever|whom|(those|for|to|by|of|from|is|as|and) who": "name the actor: the publisher, the endpoint",
    r"meanwhile": "since, in between",
    r"owed|owes": "due, pending, not delivered yet",
    r"octets?": "bytes",
    r"fates?": "state",
    r"verdicts?": "action",
    r"bur(y|ied)": "dead-letter",
    r"forfeits?": "expire",
    r"doorbell": "notifier",
    r"rivals?": "peers",
    r"is gone": "was removed",
    r"steps? aside": "becomes a redelivery",
    r"stands? (for|at|in|on|where|there|beside|alone|still|against)": "is, means",
}
HARD = re.compile(rf"\b({'|'.join(WORDS)})\b", re.IGNORECASE)

PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "client" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
CONTRACT = ROOT / "openapi.yaml"
SOURCES = [
    file
    for folder in ("layers", "functions", "local", "client", "scripts")
    for file in sorted((ROOT / folder).rglob("*.py"))
]
SQL = sorted((ROOT / "layers").rglob("*.sql"))
OTHERS = [ROOT / name for name in ("template.yaml", "samconfig.toml", "pyproject.toml", "Dockerfile")]
OTHERS += [ROOT / "Makefile", *sorted((ROOT / "layers").rglob("Makefile"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page, without what is code."""
    fenced = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced and not line.startswith("```mermaid")
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", "", line)


def comments_and_texts(file: Path) -> Iterator[tuple[int, str]]:
    """The comments, docstrings and string constants of a Python file."""
    source = file.read_text()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def names_of_tests(file: Path) -> Iterator[tuple[int, str]]:
    """The names of the tests in a Python file, as words."""
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if name := re.match(r"\s*def test_(\w+)\(", line):
            yield number, name[1].replace("_", " ")


def hard(lines: Iterator[tuple[int, str]]) -> list[str]:
    return [f"{number}: {match[0]}" for number, line in lines for match in HARD.finditer(line)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_plain_words(page: Path) -> None:
    assert hard(prose(page)) == []


@pytest.mark.parametrize("file", [CONTRACT, *SQL, *OTHERS], ids=lambda file: str(file.relative_to(ROOT)))
def test_the_contract_and_the_sql_have_plain_words(file: Path) -> None:
    assert hard(iter(enumerate(file.read_text().splitlines(), 1))) == []


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_comments_docstrings_and_texts_have_plain_words(file: Path) -> None:
    assert hard(comments_and_texts(file)) == []


@pytest.mark.parametrize("file", TESTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_names_of_tests_have_plain_words(file: Path) -> None:
    assert hard(names_of_tests(file)) == []


@pytest.mark.parametrize(
    "word", ["It is told.", "those who publish", "an octet", "It stands there.", "Stand on it.", "It is gone."]
)
def test_a_hard_word_is_found(word: str) -> None:
    assert HARD.search(word)
