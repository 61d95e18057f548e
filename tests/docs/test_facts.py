"""The documents say what is: settings, versions and limits."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import broker
from broker import api, settings, telemetry
from broker.queue import leases, messages
from local import settings as runner
from tests.support import contract
from tests.support.client import ROOT, template


def _rows(heading: str) -> dict[str, list[str]]:
    """The table under a heading of docs/reference/settings.md, by the variable in its first column."""
    _, _, section = (ROOT / "docs" / "reference" / "settings.md").read_text().partition(f"## {heading}\n")
    lines = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    return {name: rest for name, *rest in cells}


FUNCTIONS, LAMBDA, RUNNER = _rows("Functions"), _rows("Set by Lambda"), _rows("Local runner")


def _read_by(*folders: str) -> set[str]:
    """The variables that the code in these folders takes from the environment by name."""
    found: set[str] = set()
    for folder in folders:
        for file in (ROOT / folder).rglob("*.py"):
            found |= set(
                re.findall(r'(?:environ(?:\.get\(|\[)|_(?:number|options|required)\()"(\w+)"', file.read_text())
            )
    return found


def _variables() -> dict[str, Any]:
    """What the template puts into its functions' environments."""
    resources = [each.get("Properties", {}) for each in template()["Resources"].values()]
    return {
        name: value[-1].value
        if isinstance(value, list)
        else value  # of an If, what is there without a managed database
        for section in [template()["Globals"]["Function"], *resources]
        for name, value in section.get("Environment", {}).get("Variables", {}).items()
    }


def test_the_settings_of_the_functions_are_documented() -> None:
    assert FUNCTIONS.keys() == _variables().keys()
    known = {"AWS_LAMBDA_FUNCTION_NAME", "AWS_SAM_LOCAL", "FUNCTION_DATABASE_URLS", *LAMBDA}
    assert _read_by("layers", "functions") - known <= _variables().keys()
    assert LAMBDA.keys() <= _read_by("layers")


def test_the_metrics_are_documented() -> None:
    page = (ROOT / "docs/how-to/watch.md").read_text()
    shown = re.findall(r"^\| `(\w+)` \| (Milliseconds|Seconds|Count)\b[^|]* \|", page, re.MULTILINE)
    assert shown == list(telemetry.UNITS.items())
    assert "in the namespace `pgbroker`, by `service`, which is the name of the stack" in page


def test_the_warnings_of_maintain_are_documented() -> None:
    page = (ROOT / "docs/how-to/watch.md").read_text()
    rooms = (ROOT / "layers/broker/broker/schema").glob("*.py")
    written = {text for file in rooms for text in re.findall(r'telemetry\.warn\(\s*"([^"]+)"', file.read_text())}
    assert len(written) == 4
    assert {text for text in written if f"| `{text}` |" not in page} == set()


def test_the_tables_are_documented(owner: Any) -> None:
    page = (ROOT / "docs/explanation/architecture.md").read_text()
    rows = re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \|", page.partition("\n## Tables\n")[2].partition("\n## ")[0], re.MULTILINE
    )
    tables = owner.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'broker'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition"
    )
    assert sorted(name for row in rows for name in re.findall(r"\w+", row)) == sorted(name for (name,) in tables)


def test_only_settings_reads_the_environment() -> None:
    files = [*(ROOT / "layers").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    readers = {file.name for file in files if re.search(r"os\.(environ|getenv)", file.read_text())}
    assert readers == {"settings.py", "app.py"}
    [console] = [file for file in files if file.name == "app.py" and "os.environ" in file.read_text()]
    assert console.parent.name == "console"  # it has no layer


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_setting_has_the_parameter_and_default_that_the_document_says(name: str) -> None:
    parameter, _, default, _ = FUNCTIONS[name]
    if not parameter:
        assert _variables()[name] == default
        return
    assert _variables()[name] == parameter
    if parameter.partition(".")[0] in template()["Resources"] or parameter.startswith("AWS::"):
        return
    declared = template()["Parameters"][parameter].get("Default", "needed")
    assert str(declared) == ("" if default in {"none", *FUNCTIONS} else default)


def test_the_functions_take_the_same_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FUNCTIONS:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("DATABASE_URL", "postgresql://example")
    assert settings.current.__wrapped__() == settings.Settings(
        database_url="postgresql://example",
        owner_database_url="postgresql://example",
        function_database_urls={},
        database_proxy=False,
        allow_private_webhooks=False,
        retention_days=int(FUNCTIONS["RETENTION_DAYS"][2]),
        topics_per_token=settings.Options().topics_per_token,
        metrics_namespace=FUNCTIONS["POWERTOOLS_METRICS_NAMESPACE"][2],
        dispatch_queue_url=None,
        delivery_queue_url=None,
        migrate_function="",
        maintain_function="",
        setup_secret_arn="",
        login_secret_arn="",
    )


def test_the_settings_of_the_runner_are_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    of_lambda = {"LAMBDA_TASK_ROOT", "_HANDLER", *(name for name in _read_by("local") if name.startswith("AWS_"))}
    assert _read_by("local") - of_lambda - {"PATH"} == RUNNER.keys()
    for name in RUNNER:
        monkeypatch.delenv(name, raising=False)
    found = runner.read(Path("/here"))
    defaults = {name: default for name, (default, _) in RUNNER.items()}
    assert found.host == defaults["BROKER_HOST"]
    assert found.port == int(defaults["BROKER_PORT"])
    assert found.data == Path("/here") / defaults["BROKER_DATA"]
    assert found.workers == int(defaults["BROKER_WORKERS"])


def test_the_newest_version_is_the_same_everywhere() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == broker.__version__
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == broker.__version__
    assert contract.document()["info"]["version"] == broker.__version__


def test_the_contract_says_the_limits() -> None:
    document = contract.document()
    assert f"{api.MAX_REQUEST // 1024 // 1024} MiB at most" in document["info"]["description"]
    message = " ".join(document["components"]["schemas"]["Message"]["description"].split())
    assert f"{messages.MAX_BYTES // 1024} KiB at most" in message
    assert f"{leases.MAX_RECEIPTS:,} at most" in document["components"]["schemas"]["Settle"]["description"]
