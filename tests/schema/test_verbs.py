"""Verbs: a function of the broker may execute those that it calls, a role of the SQL door its own, and none another."""

import json
import re

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import authorization, database, settings
from broker.schema import migrations, verbs
from tests.conftest import ADMIN, PASSWORD
from tests.support.client import ROOT, app
from tests.support.contract_examples import EXAMPLE_HOST, Story, send_every_operation
from tests.support.sqs import dispatch, wake_up

FOLDERS = ROOT / "layers/broker/broker/sql/functions"
OWNERS = {"internal", "maintenance"}  # folders of what only the owner may execute
CALL = re.compile(r"\bbroker\.(\w+)\(")


def files(*folders):
    return {file.stem for folder in folders for file in (FOLDERS / folder).iterdir()}


def listed(*mappings):
    return {verb for mapping in mappings for executed in mapping.values() for verb in executed}


@pytest.fixture
def called(new_database, queues, monkeypatch):
    """The verbs that each function calls from now on, by its folder. Each has a login of its own in a new database."""
    url = new_database()
    name = conninfo_to_dict(url)["dbname"]
    urls = {folder: make_conninfo(url, user=f"{name}_{folder}", password=PASSWORD) for folder in verbs.FUNCTIONS}
    monkeypatch.setenv("FUNCTION_DATABASE_URLS", json.dumps(urls))
    settings.current.cache_clear()
    assert migrations.migrate(ADMIN).notes == []
    called = {folder: set() for folder in urls}
    acting, fetch = [], database.functions._fetch

    def note(statement, values):
        called[acting[-1]] |= {*CALL.findall(statement)}
        return fetch(statement, values)

    def act_as(folder, handler):
        def act(event, context):
            acting.append(folder)
            monkeypatch.setenv("DATABASE_URL", urls[folder])
            settings.current.cache_clear()
            database.functions.close()
            authorization.forget()  # each function has a memory of its own
            return handler(event, context)

        return act

    monkeypatch.setattr(database.functions, "_fetch", note)
    for folder in urls:
        monkeypatch.setattr(app(folder), "handler", act_as(folder, app(folder).handler))
    yield called
    database.functions.close()


def test_each_function_needs_all_its_verbs_and_no_other(called, client, endpoint, queues):
    def received():
        queues.run()
        return json.loads(endpoint.requests[0].body)

    send_every_operation(Story(client, {EXAMPLE_HOST: endpoint.url}), received)
    client.put("/topics/news", {"broadcast": "auto"})
    client.post("/topics/news/subscriptions", {"url": endpoint.url})
    client.post("/topics/news/messages", {"content": "a"})
    queues.run()
    dispatch(wake_up(sweep=True))

    assert called == {folder: set(executed) for folder, executed in verbs.FUNCTIONS.items()}


def test_all_verbs_that_the_package_names_are_those_of_the_functions():
    package = ROOT / "layers/broker/broker"
    sources = [file for file in package.rglob("*.py") if file.parent.name != "schema"]
    assert {verb for file in sources for verb in CALL.findall(file.read_text())} == listed(verbs.FUNCTIONS)


def test_every_verb_belongs_to_a_function_or_to_the_sql_door():
    folders = {folder.name for folder in FOLDERS.iterdir()}
    assert folders > OWNERS
    assert files(*(folders - OWNERS)) == listed(verbs.FUNCTIONS, verbs.DOOR)


def test_the_functions_with_verbs_are_those_with_the_database_url():
    assert {folder.name for folder in (ROOT / "functions").iterdir()} - {
        "console",
        "deliver",
        "migrate",
        "maintain",
        "setup",
    } == {*verbs.FUNCTIONS}
