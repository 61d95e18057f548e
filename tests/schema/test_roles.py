"""Roles: the functions' login has the verbs, a producer's login the SQL door, and nobody but the owner a table."""

import os
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import database, settings, topics
from broker.schema import migrations, roles
from tests.support.client import ROOT

PASSWORD = "a test's password"
VERBS = """SELECT proname FROM pg_proc WHERE pronamespace = 'broker'::regnamespace
            AND has_function_privilege(%s, oid, 'EXECUTE') ORDER BY 1"""
TOUCHED = """SELECT relname FROM pg_class WHERE relnamespace = 'broker'::regnamespace AND relkind IN ('r', 'p', 'S')
              AND has_table_privilege(%s, oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"""


@pytest.fixture
def limited(new_database, monkeypatch):
    """Let the owner of a new database be one who may not make roles; the superuser's connection to it."""
    url = new_database()
    name = conninfo_to_dict(url)["dbname"]
    owner = make_conninfo(url, user=f"{name}_owner", password=PASSWORD)
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(f"CREATE ROLE {name}_owner LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")
        superuser.execute(f"GRANT CREATE ON DATABASE {name} TO {name}_owner")
        monkeypatch.setenv("OWNER_DATABASE_URL", owner)
        settings.current.cache_clear()
        yield superuser


def login():
    return conninfo_to_dict(settings.current().database_url)["user"]


def test_the_functions_login_may_execute_every_verb_and_nothing_of_the_owner(owner):
    folders = {folder.name: folder for folder in (ROOT / "layers/broker/broker/sql/functions").iterdir()}
    assert folders.keys() > migrations.WITHHELD
    verbs = {file.stem for name in folders.keys() - migrations.WITHHELD for file in folders[name].iterdir()}
    assert owner.execute(VERBS, [login()]).fetchall() == [(verb,) for verb in sorted(verbs)]
    every = owner.execute("SELECT count(*) FROM pg_proc WHERE pronamespace = 'broker'::regnamespace").fetchone()[0]
    withheld = [file for name in migrations.WITHHELD for file in folders[name].iterdir()]
    assert len(verbs) + len(withheld) == every


def test_the_functions_login_may_touch_no_table(owner, session):
    assert owner.execute(TOUCHED, [login()]).fetchall() == []
    functions = session()
    for statement in ("SELECT FROM broker.messages", "DELETE FROM broker.tokens", "CREATE TABLE broker.mine ()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            functions.execute(statement)


def test_a_client_may_use_the_sql_door_and_nothing_else(owner):
    assert owner.execute(VERBS, [roles.CLIENT]).fetchall() == [(verb,) for verb in sorted(roles.DOOR)]
    assert owner.execute(TOUCHED, [roles.CLIENT]).fetchall() == []


def test_a_login_that_is_a_client_goes_through_the_sql_door(new_database):
    url = new_database()
    migrations.migrate()
    shop = f"{conninfo_to_dict(url)['dbname']}_owner"
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(f"CREATE ROLE {shop} LOGIN PASSWORD 'shop' IN ROLE {roles.CLIENT}")
    with psycopg.connect(make_conninfo(url, user=shop, password="shop"), autocommit=True) as client:
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
    assert sender == shop


def test_the_functions_login_carries_its_limits(owner):
    [limits] = owner.execute("SELECT rolconfig FROM pg_roles WHERE rolname = %s", [login()]).fetchone()
    assert {limit.lower() for limit in limits} >= {
        "statement_timeout=10s",
        "idle_in_transaction_session_timeout=10s",
        "idle_session_timeout=60s",
        "timezone=utc",
    }


def test_a_password_is_not_told_to_the_server(new_database):
    url = new_database()
    migrations.migrate()
    with psycopg.connect(url) as superuser:
        [stored] = superuser.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [login()]).fetchone()
    assert stored.startswith("SCRAM-SHA-256$")
    database.ping()


def test_an_owner_who_may_not_make_the_login_goes_on_and_says_so(limited):
    done = migrations.migrate()
    assert done.applied
    assert done.notes == [f"{owner_name()} may not create the login {login()}: create it and migrate again"]
    limited.execute("SELECT FROM broker.topics")


def test_an_owner_who_may_not_change_the_login_goes_on_and_says_so(limited):
    limited.execute(f"CREATE ROLE {login()} LOGIN PASSWORD 'other'")
    limited.execute(f"ALTER ROLE {login()} PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")

    done = migrations.migrate()

    assert done.notes == [f"{owner_name()} may not change the login {login()}: its limits go with each connection"]
    assert topics.read("default").name == "default"
    [timeout] = database.call("SELECT current_setting('statement_timeout') AS value", {}, lambda value: value)
    assert timeout == "10s"


def test_an_owner_whose_login_the_functions_share_is_told(limited, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", os.environ["OWNER_DATABASE_URL"])
    settings.current.cache_clear()
    assert migrations.migrate().notes == ["DATABASE_URL is the owner's: give the functions a login of their own"]
    assert topics.read("default").name == "default"


def test_a_login_that_needs_quoting_is_made(new_database, monkeypatch):
    url = conninfo_to_dict(new_database())
    name = f"{url['dbname']}_functions"
    odd = f'{name}"; DROP'
    monkeypatch.setenv(
        "DATABASE_URL", f"postgresql://{quote(odd)}:pass%27word@{url['host']}:{url['port']}/{url['dbname']}"
    )
    settings.current.cache_clear()
    migrations.migrate()
    try:
        database.ping()
    finally:
        database.functions.close()
        with database.owner.transaction() as connection:
            quoted = psycopg.sql.Identifier(odd)
            connection.execute(psycopg.sql.SQL("DROP OWNED BY {}; DROP ROLE {}").format(quoted, quoted))


def owner_name():
    return conninfo_to_dict(settings.current().owner_database_url)["user"]
