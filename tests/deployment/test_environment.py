"""Each function's environment is what its code reads, and nothing else."""

import ast

import pytest

from broker import settings
from tests.deployment import resources
from tests.support.client import ROOT
from tests.test_architecture import MODULES, imported_modules, reached

LOG = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL", "POWERTOOLS_METRICS_NAMESPACE"}  # every function's
RESOLVER = "RES_OPTIONS"  # libc reads it
WITHOUT_LAYER = "Console"  # it logs nothing, and reads its options itself
NOT_DEPLOYED = {"FUNCTION_DATABASE_URLS"}  # for deployments of one's own
# These modules have several of a kind, and their users say which.
CHOSEN = {
    "database.owner": "owner_database_url",
    "queues.dispatch": "dispatch_queue_url",
    "queues.delivery": "delivery_queue_url",
    "authorization.authorize": "token_keys",
}
HOLDERS = {"authorization", "database", "tokens", "transport.queues"}


def names_by_field() -> dict[str, set[str]]:
    """The environment variables from which settings.py reads each field."""
    tree = ast.parse((ROOT / "layers/broker/broker/settings.py").read_text())
    [function] = (each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "current")
    assigned = {
        target.id: _strings(each.value)
        for each in function.body
        if isinstance(each, ast.Assign)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    [call] = (each.value for each in function.body if isinstance(each, ast.Return))
    assert isinstance(call, ast.Call)
    found = {}
    for keyword in call.keywords:
        used = {each.id for each in ast.walk(keyword.value) if isinstance(each, ast.Name)}
        found[str(keyword.arg)] = _strings(keyword.value).union(*(assigned.get(name, set()) for name in used))
    return found


def _strings(value: ast.AST) -> set[str]:
    strings = {each.value for each in ast.walk(value) if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return {each for each in strings if each.isupper()}


NAMES = {**names_by_field(), "token_keys": {"TOKEN_KEYS"}}


def read_by(function: str) -> set[str]:
    """The variables whose settings the modules of a function use."""
    file = ROOT / "functions" / resources.folder(function) / "app.py"
    used: set[str] = set()
    for module in reached(*imported_modules(file, lazy=False), lazy=False) - {"settings"}:
        tree = ast.parse(MODULES[module].read_text())
        attributes = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        fields = {each.rpartition(".")[2] for each in attributes} & NAMES.keys()
        if module in HOLDERS:
            fields -= {*CHOSEN.values()}
        fields |= {CHOSEN[each] for each in attributes & CHOSEN.keys()}
        used |= fields
    posts = "in_process" in reached(*imported_modules(file)) or "webhooks.worker" in reached(*imported_modules(file))
    # without queues, as under `sam local`, the functions that notify post too
    return set().union(*(NAMES[field] for field in used), {"OPTIONS"} if posts else set())


def test_every_setting_has_its_variables():
    assert NAMES.keys() == {*settings.Settings.__slots__, "token_keys"}
    assert NAMES["database_url"] == {"DATABASE_URL"}
    assert NAMES["topics_per_token"] == NAMES["allow_private_webhooks"] == {"OPTIONS"}


@pytest.mark.parametrize("function", sorted(resources.functions()))
def test_the_environment_of_a_function_is_what_it_reads(function):
    given = set(resources.functions()[function]["Environment"]["Variables"])
    if function == WITHOUT_LAYER:
        assert given == {"OPTIONS"}
        return
    assert given - LOG - {RESOLVER} == read_by(function) - LOG - NOT_DEPLOYED
    assert given >= LOG
