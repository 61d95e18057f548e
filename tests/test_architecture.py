"""Who may stand on whom: the package's floors, and the fences round what others wrote."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import ROOT

PACKAGE = ROOT / "layers" / "broker" / "broker"

# Each module stands on those below only. Those of one floor may use each other, but in no circle.
FLOORS = (
    {"api", "dispatches", "doorbell"},
    {
        "attempts",
        "broadcasts",
        "deliveries",
        "leases",
        "messages",
        "dead_letters",
        "migrations",
        "queues",
        "retention",
        "roles",
        "rotations",
        "subscriptions",
        "tokens",
        "topics",
    },
    {"envelopes", "posts"},
    {"bodies", "database", "jobs", "pages", "telemetry", "webhooks"},
    {"transfers"},
    {"addresses", "deadlines", "errors", "retries", "settings", "signatures", "sqs", "wakes"},
)
FLOOR = {module: len(FLOORS) - nth for nth, floor in enumerate(FLOORS) for module in floor}

# Who may import what others wrote; msgspec and the standard library everyone may.
FENCES = {
    "pycurl": {"transfers", "webhooks"},
    "psycopg": {"database", "migrations", "roles"},
    "aws_lambda_powertools": {"telemetry"},
}
LAZY = {"boto3", "botocore"}  # only where and when SQS is used
BANNED = {"requests", "httpx", "pydantic"}

MODULES = {file.stem: file for file in PACKAGE.glob("*.py") if file.stem != "__init__"}
FUNCTIONS = sorted((ROOT / "functions").glob("*/app.py"))
SOURCES = sorted([*PACKAGE.glob("*.py"), *FUNCTIONS, *(ROOT / "local").glob("*.py")])


def imports(file: Path) -> Iterator[str]:
    """The dotted names that a file imports: `from broker import api` is broker.api."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports by dots"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def stands_on(module: str) -> set[str]:
    names = (name.split(".") for name in imports(MODULES[module]))
    return {parts[1] for parts in names if parts[0] == "broker" and len(parts) > 1 and parts[1] in MODULES}


def test_every_module_has_its_floor() -> None:
    assert MODULES.keys() == FLOOR.keys()


@pytest.mark.parametrize("module", sorted(FLOOR))
def test_a_module_stands_on_no_higher_one(module: str) -> None:
    assert not [other for other in stands_on(module) if FLOOR[other] > FLOOR[module]]


def test_no_module_stands_on_itself_by_way_of_others() -> None:
    for module in MODULES:
        below, seen = stands_on(module), set()
        while below:
            seen |= below
            below = set().union(*(stands_on(other) for other in below)) - seen
        assert module not in seen


@pytest.mark.parametrize("file", sorted(MODULES.values()), ids=lambda file: file.stem)
def test_the_package_knows_nothing_of_what_uses_it(file: Path) -> None:
    roots = {name.split(".")[0] for name in imports(file)}
    assert not roots & {"functions", "local", "tests", "bench", "examples", "app"}
    assert not [fence for fence, inside in FENCES.items() if fence in roots and file.stem not in inside]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_is_slow_to_import_is_not_imported(file: Path) -> None:
    assert not {name.split(".")[0] for name in imports(file)} & BANNED


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_boto3_is_imported_when_a_queue_is_used_and_not_before(file: Path) -> None:
    tree = ast.parse(file.read_text())
    inside = {
        node for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)
    }
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and {name.split(".")[0] for name in [getattr(node, "module", None) or "", *(a.name for a in node.names)]} & LAZY
    ]
    assert not found or file == MODULES["sqs"]
    assert all(node in inside for node in found)


def reaches(module: str) -> set[str]:
    """The module and all that it stands on, by whatever way."""
    reached, new = set(), {module}
    while new:
        reached |= new
        new = set().union(*(stands_on(each) for each in new)) - reached
    return reached


def test_who_posts_has_no_way_to_the_database() -> None:
    asked = [name.split(".")[1] for name in imports(ROOT / "functions" / "deliver" / "app.py") if "broker." in name]
    reached = set().union(*map(reaches, asked))
    assert "webhooks" in reached
    assert not [module for module in reached if "psycopg" in {name.split(".")[0] for name in imports(MODULES[module])}]


@pytest.mark.parametrize("file", FUNCTIONS, ids=lambda file: file.parent.name)
def test_a_function_stands_on_the_package_alone(file: Path) -> None:
    roots = {name.split(".")[0] for name in imports(file)}
    assert roots <= {"broker", "msgspec", "dataclasses", "http", "pathlib", "typing", "uuid"}


@pytest.mark.parametrize("file", sorted((PACKAGE / "sql" / "functions").glob("*.sql")), ids=lambda file: file.stem)
def test_an_sql_file_is_one_verb(file: Path) -> None:
    source = file.read_text()
    assert source.startswith("-- ")
    assert source.count("CREATE ") == 1 + source.count("'CREATE TABLE ")
    assert f"CREATE OR REPLACE FUNCTION broker.{file.stem}(" in source
    assert len(source.splitlines()) <= 120


def test_migrations_are_numbered_without_gaps() -> None:
    numbers = [int(file.name.split("_")[0]) for file in sorted((PACKAGE / "sql" / "migrations").iterdir())]
    assert numbers == list(range(1, len(numbers) + 1))
