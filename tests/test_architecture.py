"""The walls of the house: which room may import which, and where other people's packages are allowed."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from broker.schema import migrations
from tests.support.client import ROOT

PACKAGE = ROOT / "layers" / "broker" / "broker"
GROUND = {
    "admission",
    "authorities",
    "connection",
    "connection_mistakes",
    "database",
    "deadlines",
    "errors",
    "fields",
    "hidden_urls",
    "json_input",
    "pagination",
    "session",
    "settings",
    "telemetry",
    "token_format",
}
DATABASE = {"connection", "database", "pagination", "session"}  # of the ground, what reaches it
ROOMS = {"aws", "dispatch", "pubsub", "queue", "schema", "transport", "webhooks"}

# What each room may import of the package, besides itself. A room's name means all of its modules.
MAY_IMPORT = {
    "ground": {"aws"},
    "aws": {"deadlines", "settings"},
    "topics": GROUND,
    "authorization": GROUND,
    "tokens": GROUND | {"authorization"},
    "overview": GROUND | {"pubsub"},
    "finding": GROUND | {"authorization"},
    "rates": GROUND,
    "rate_limits": set(),
    "api": GROUND | {"authorization", "rate_limits"},
    "queue": GROUND,
    "schema": GROUND | {"authorization", "aws"},
    "setup": {"admission", "settings", "telemetry", "token_format"},
    "transport": GROUND - DATABASE | {"aws"},
    "webhooks": GROUND - DATABASE | {"transport"},
    "pubsub": GROUND | {"webhooks.addresses", "webhooks.headers", "webhooks.signatures"},
    "dispatch": GROUND | {"pubsub", "transport", "webhooks.signatures"},
    "in_process": GROUND | {"dispatch", "pubsub", "transport", "webhooks"},
}
ONLY_WITHOUT_QUEUES = ("dispatch", "in_process")  # inside a function, when no queue URL is set

# Who may import other people's packages. Everyone may import msgspec and the standard library.
FENCES = {
    "pycurl": {"webhooks.sender", "webhooks.transfer"},
    "psycopg": {
        "connection",
        "database",
        "schema.functions",
        "schema.logins",
        "schema.migrations",
        "schema.ownership",
        "schema.roles",
        "schema.steps",
        "session",
    },
    "aws_lambda_powertools": {"telemetry"},
}
LAZY = {"boto3", "botocore"}  # a tenth of a second to import
BANNED = {"httpx", "pydantic", "requests"}  # slow to import

MODULES = {
    ".".join(file.relative_to(PACKAGE).with_suffix("").parts): file
    for file in sorted(PACKAGE.rglob("*.py"))
    if file.stem != "__init__"
}
FUNCTIONS = sorted((ROOT / "functions").glob("*/app.py"))
SOURCES = sorted([*PACKAGE.rglob("*.py"), *FUNCTIONS, *(ROOT / "local").rglob("*.py")])
QUEUES = {"DISPATCH_QUEUE_URL": "https://queue", "DELIVERY_QUEUE_URL": "https://queue"}


def imports(file: Path, *, lazy: bool = True) -> list[str]:
    """The dotted names that a file imports: `from broker import api` is broker.api. With or without lazy imports."""
    return [name for name, is_lazy in _imports(file) if lazy or not is_lazy]


@cache
def _imports(file: Path) -> list[tuple[str, bool]]:
    tree = ast.parse(file.read_text())
    inside = {id(node) for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) for node in ast.walk(each)}
    found: list[tuple[str, bool]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += ((alias.name, id(node) in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports by dots"
            found += ((f"{node.module}.{alias.name}", id(node) in inside) for alias in node.names)
    return found


def imported_modules(file: Path, *, lazy: bool = True) -> set[str]:
    """The modules of the package that a file imports."""
    names = (name.removeprefix("broker.") for name in imports(file, lazy=lazy) if name.startswith("broker."))
    candidates = (candidate for name in names for candidate in (name, name.rpartition(".")[0]))
    return {candidate for candidate in candidates if candidate in MODULES}


def reached(*modules: str, lazy: bool = True) -> set[str]:
    """These modules and all that they import, by whatever way."""
    found, new = set(), set(modules)
    while new:
        found |= new
        new = set().union(*(imported_modules(MODULES[each], lazy=lazy) for each in new)) - found
    return found


def users(package: str) -> set[str]:
    """The modules that import a package of other people's."""
    return {module for module, file in MODULES.items() if package in {name.split(".")[0] for name in imports(file)}}


def room(module: str) -> str:
    return "ground" if module in GROUND else module.partition(".")[0]


def test_every_module_has_its_place() -> None:
    assert {room(module) for module in MODULES} == MAY_IMPORT.keys()
    assert {module.split(".")[0] for module in MODULES if "." in module} == ROOMS


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_the_rooms_that_its_room_may_import(module: str) -> None:
    here = room(module)
    for other in imported_modules(MODULES[module]):
        if (here, other) == ONLY_WITHOUT_QUEUES and other not in imported_modules(MODULES[module], lazy=False):
            continue
        allowed = room(other) == here or {other, room(other)} & MAY_IMPORT[here]
        assert allowed, f"{module} imports {other}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    for module, file in MODULES.items():
        assert module not in reached(*imported_modules(file)), module


def test_webhooks_cannot_reach_the_database() -> None:
    found = reached(*(module for module in MODULES if room(module) == "webhooks"))
    assert "webhooks.sender" in found
    assert not found & users("psycopg")


def test_deliver_cannot_import_the_database() -> None:
    found = reached(*imported_modules(ROOT / "functions" / "deliver" / "app.py"))
    assert "webhooks.sender" in found
    assert not found & users("psycopg")


def test_dispatch_cannot_reach_the_internet() -> None:
    found = reached(*(module for module in MODULES if room(module) == "dispatch"), lazy=False)
    assert "dispatch.planner" in found
    assert not found & users("pycurl")


def test_what_connects_without_curl_connects_to_aws_alone() -> None:
    def importers(other: str) -> set[str]:
        return {module for module, file in MODULES.items() if other in imported_modules(file)}

    assert {module for module, file in MODULES.items() if any("http.client" in name for name in imports(file))} == {
        "aws.client",
        "aws.connections",
    }
    assert importers("aws.connections") == {"aws.client"}
    assert importers("aws.client") == {"aws.secrets", "transport.sqs"}


def test_deliver_cannot_read_a_secret() -> None:
    assert "aws.secrets" not in reached(*imported_modules(ROOT / "functions" / "deliver" / "app.py"))


@pytest.mark.parametrize("file", FUNCTIONS, ids=lambda file: file.parent.name)
def test_a_deployed_function_loads_the_database_or_the_internet_and_never_both(file: Path) -> None:
    code = (
        "import sys, app; print(*(name for name in ('psycopg', 'pycurl', 'broker.in_process') if name in sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        env={**QUEUES, "PYTHONPATH": f"{file.parent}:{PACKAGE.parent}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert loaded == {"console": [], "deliver": ["pycurl"], "setup": []}.get(file.parent.name, ["psycopg"])


def test_only_functions_that_notify_reach_dispatch() -> None:
    apart = {file.parent.name for file in FUNCTIONS if "dispatch.notifier" not in reached(*imported_modules(file))}
    assert apart == {"console", "consume", "deliver", "migrate", "setup"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_the_package_imports_nothing_that_uses_it(module: str) -> None:
    roots = {name.split(".")[0] for name in imports(MODULES[module])}
    assert not roots & {"functions", "local", "tests", "bench", "examples", "scripts", "app"}


@pytest.mark.parametrize("package", sorted(FENCES))
def test_a_package_of_others_is_imported_in_its_place_only(package: str) -> None:
    assert users(package) == FENCES[package]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_packages_that_are_slow_to_import_are_not_imported(file: Path) -> None:
    assert not {name.split(".")[0] for name in imports(file)} & BANNED


@pytest.mark.parametrize("file", [*MODULES.values(), *FUNCTIONS], ids=lambda file: str(file.relative_to(ROOT)))
def test_the_records_of_a_function_are_structs(file: Path) -> None:
    assert "dataclasses" not in imports(file)  # half a millisecond a class at each cold start


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_boto3_is_imported_by_setup_alone_and_when_it_is_used(file: Path) -> None:
    assert not {name.split(".")[0] for name in imports(file, lazy=False)} & LAZY
    if {name.split(".")[0] for name in imports(file)} & LAZY:
        assert file == MODULES["setup"]


@pytest.mark.parametrize("file", FUNCTIONS, ids=lambda file: file.parent.name)
def test_a_function_imports_the_package_alone(file: Path) -> None:
    roots = {name.split(".")[0] for name in imports(file)}
    if file.parent.name == "console":
        assert roots <= sys.stdlib_module_names  # it has no layer
    else:
        assert roots <= {"broker", "msgspec", "http", "pathlib", "typing", "urllib", "uuid"}


@pytest.mark.parametrize("file", sorted((PACKAGE / "sql" / "functions").rglob("*.sql")), ids=lambda file: file.stem)
def test_an_sql_file_is_one_function(file: Path) -> None:
    source = file.read_text()
    assert source.startswith("-- ")
    assert source.count("CREATE ") == 1 + source.count("'CREATE TABLE ")
    assert f"CREATE OR REPLACE FUNCTION broker.{file.stem}(" in source
    assert len(source.splitlines()) <= 120


def test_migrations_are_numbered_without_gaps() -> None:
    numbers = [int(file.name.split("_")[0]) for file in sorted((PACKAGE / "sql" / "migrations").iterdir())]
    assert numbers == list(range(migrations.FIRST_VERSION, migrations.FIRST_VERSION + len(numbers)))


def test_a_migration_outside_of_a_transaction_can_be_repeated() -> None:
    for file in (PACKAGE / "sql" / "migrations").iterdir():
        if file.read_text().startswith(migrations.OUTSIDE):
            made = re.findall(r"(?:CREATE|UNIQUE) INDEX (.*)", file.read_text())
            assert all(index.startswith("CONCURRENTLY IF NOT EXISTS ") for index in made), file.name
