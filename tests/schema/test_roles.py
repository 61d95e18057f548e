"""Roles: the functions' login may call all verbs, a client those of the SQL door; only the owner may use tables."""

import os
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import database, settings, topics
from broker.schema import functions, migrations, roles
from tests.support.client import ROOT

PASSWORD = "a test's password"
CALLABLE = """SELECT proname FROM pg_proc WHERE pronamespace = 'broker'::regnamespace
              AND has_function_privilege(%s, oid, 'EXECUTE') ORDER BY 1"""
TABLES_WITH_RIGHTS = """SELECT relname FROM pg_class
             WHERE relnamespace = 'broker'::regnamespace AND relkind IN ('r', 'p', 'S')
               AND has_table_privilege(%s, oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"""


@pytest.fixture
def superuser(new_database, monkeypatch):
    """A superuser's connection to a new database, whose owner may not create roles."""
    url = new_database()
    name = conninfo_to_dict(url)["dbname"]
    owner_url = make_conninfo(url, user=f"{name}_owner", password=PASSWORD)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name}_owner LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")
        connection.execute(f"GRANT CREATE ON DATABASE {name} TO {name}_owner")
        monkeypatch.setenv("OWNER_DATABASE_URL", owner_url)
        settings.current.cache_clear()
        yield connection


def login_name():
    return conninfo_to_dict(settings.current().database_url)["user"]


def test_the_functions_login_can_call_every_verb_and_no_function_of_the_owner(owner):
    folders = {folder.name: folder for folder in (ROOT / "layers/broker/broker/sql/functions").iterdir()}
    assert folders.keys() > functions.WITHHELD
    verbs = {file.stem for name in folders.keys() - functions.WITHHELD for file in folders[name].iterdir()}
    assert owner.execute(CALLABLE, [login_name()]).fetchall() == [(verb,) for verb in sorted(verbs)]
    number = owner.execute("SELECT count(*) FROM pg_proc WHERE pronamespace = 'broker'::regnamespace").fetchone()[0]
    withheld = [file for name in functions.WITHHELD for file in folders[name].iterdir()]
    assert len(verbs) + len(withheld) == number


def test_the_functions_login_has_no_rights_on_tables(owner, session):
    assert owner.execute(TABLES_WITH_RIGHTS, [login_name()]).fetchall() == []
    connection = session()
    for statement in ("SELECT FROM broker.messages", "DELETE FROM broker.tokens", "CREATE TABLE broker.mine ()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_the_client_role_can_call_the_verbs_of_the_sql_door_and_nothing_else(owner):
    assert owner.execute(CALLABLE, [roles.CLIENT]).fetchall() == [(verb,) for verb in sorted(roles.DOOR)]
    assert owner.execute(TABLES_WITH_RIGHTS, [roles.CLIENT]).fetchall() == []


def test_a_login_with_the_client_role_can_publish_consume_settle_and_broadcast(new_database):
    url = new_database()
    migrations.migrate()
    login = f"{conninfo_to_dict(url)['dbname']}_owner"
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'shop' IN ROLE {roles.CLIENT}")
    with psycopg.connect(make_conninfo(url, user=login, password="shop"), autocommit=True) as client:
        client.execute("""SELECT broker.publish('orders', '"a"')""")
        [(receipt, sender)] = client.execute("SELECT receipt, sender FROM broker.consume('orders')").fetchall()
        settled = client.execute(
            "SELECT acked FROM broker.settle('orders', json_build_object('ack', json_build_array(%s::text)))", [receipt]
        )
        assert settled.fetchall() == [(1,)]
        assert client.execute("SELECT messages FROM broker.broadcast('orders')").fetchall() == [(0,)]
        for statement in ("SELECT broker.delete_topic('orders', true)", "SELECT FROM broker.tokens"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                client.execute(statement)
    assert sender == login


def test_the_functions_login_has_its_limits(owner):
    [limits] = owner.execute("SELECT rolconfig FROM pg_roles WHERE rolname = %s", [login_name()]).fetchone()
    assert {limit.lower() for limit in limits} >= {
        "statement_timeout=10s",
        "idle_in_transaction_session_timeout=10s",
        "idle_session_timeout=60s",
        "timezone=utc",
    }


def test_the_server_never_sees_the_password_of_the_functions_login(new_database):
    url = new_database()
    migrations.migrate()
    with psycopg.connect(url) as superuser:
        [stored] = superuser.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [login_name()]).fetchone()
    assert stored.startswith("SCRAM-SHA-256$")
    database.ping()


def test_a_migration_goes_on_and_reports_when_its_owner_may_not_create_the_login(superuser):
    done = migrations.migrate()
    assert done.applied
    assert done.notes == [f"{owner_name()} may not create the login {login_name()}: create it and migrate again"]
    superuser.execute("SELECT FROM broker.topics")


def test_a_migration_goes_on_and_reports_when_its_owner_may_not_change_the_login(superuser):
    superuser.execute(f"CREATE ROLE {login_name()} LOGIN PASSWORD 'other'")
    superuser.execute(f"ALTER ROLE {login_name()} PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")

    done = migrations.migrate()

    assert done.notes == [f"{owner_name()} may not change the login {login_name()}: its limits go with each connection"]
    assert topics.read("default").name == "default"
    [timeout] = database.call("SELECT current_setting('statement_timeout') AS value", {}, lambda value: value)
    assert timeout == "10s"


def test_a_migration_reports_that_the_functions_use_the_owners_login(superuser, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", os.environ["OWNER_DATABASE_URL"])
    settings.current.cache_clear()
    assert migrations.migrate().notes == ["DATABASE_URL is the owner's: give the functions a login of their own"]
    assert topics.read("default").name == "default"


def test_a_login_whose_name_needs_quotes_is_created(new_database, monkeypatch):
    url = conninfo_to_dict(new_database())
    name = f"{url['dbname']}_functions"
    login = f'{name}"; DROP'
    monkeypatch.setenv(
        "DATABASE_URL", f"postgresql://{quote(login)}:pass%27word@{url['host']}:{url['port']}/{url['dbname']}"
    )
    settings.current.cache_clear()
    migrations.migrate()
    try:
        database.ping()
    finally:
        database.functions.close()
        with database.owner.transaction() as connection:
            quoted = psycopg.sql.Identifier(login)
            connection.execute(psycopg.sql.SQL("DROP OWNED BY {}; DROP ROLE {}").format(quoted, quoted))


def owner_name():
    return conninfo_to_dict(settings.current().owner_database_url)["user"]
