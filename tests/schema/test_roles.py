"""Roles: a login of the functions and a role of the SQL door can execute their verbs, and nothing else."""

import json
import os
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import database, settings, topics
from broker.schema import migrations, roles, verbs
from tests.conftest import PASSWORD

FUNCTIONS = {verb for called in verbs.FUNCTIONS.values() for verb in called}
CALLABLE = """SELECT proname FROM pg_proc WHERE pronamespace = 'broker'::regnamespace
              AND has_function_privilege(%s, oid, 'EXECUTE')"""
TABLES_WITH_RIGHTS = """SELECT relname FROM pg_class
             WHERE relnamespace = 'broker'::regnamespace AND relkind IN ('r', 'p', 'S')
               AND has_table_privilege(%s, oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"""
PUBLISH = """SELECT broker.publish('orders', '"a"')"""
CONSUME = "SELECT receipt, sender FROM broker.consume('orders')"
READ = "SELECT FROM broker.read_topic('orders')"


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


@pytest.fixture
def migrated(new_database):
    """A superuser's connection to a new database that was migrated."""
    url = new_database()
    assert migrations.migrate().notes == []
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def program(migrated):
    """Open a session of a new login with these roles of the SQL door: `program("producer")`."""
    opened = []

    def open_session(*kinds):
        name = f"{migrated.info.dbname}_program_{len(opened)}"
        migrated.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(PASSWORD))
        )
        for kind in kinds:
            migrated.execute(f"GRANT {roles.name(kind, migrated)} TO {name}")
        url = make_conninfo(settings.current().database_url, user=name, password=PASSWORD)
        opened.append(psycopg.connect(url, autocommit=True))
        return opened[-1]

    yield open_session
    for connection in opened:
        connection.close()


def migrate(monkeypatch, **urls):
    monkeypatch.setenv("FUNCTION_DATABASE_URLS", json.dumps(urls))
    settings.current.cache_clear()
    return migrations.migrate()


def login_name():
    return conninfo_to_dict(settings.current().database_url)["user"]


def owner_name():
    return conninfo_to_dict(settings.current().owner_database_url)["user"]


def own_url(suffix):
    """A URL of another login to the database of now."""
    return make_conninfo(settings.current().database_url, user=f"{login_name()}_{suffix}")


def executable(connection, role):
    return {verb for (verb,) in connection.execute(CALLABLE, [role])}


def refused(connection, *statements):
    for statement in statements:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_the_functions_login_can_execute_the_verbs_of_all_functions_and_no_other(migrated):
    assert executable(migrated, login_name()) == FUNCTIONS


def test_the_functions_login_has_no_rights_on_tables(owner, session):
    assert owner.execute(TABLES_WITH_RIGHTS, [login_name()]).fetchall() == []
    refused(session(), "SELECT FROM broker.messages", "DELETE FROM broker.tokens", "CREATE TABLE broker.mine ()")


def test_a_function_with_a_login_of_its_own_can_execute_its_verbs_only(migrated, monkeypatch):
    done = migrate(monkeypatch, publish=own_url("a"), manage=own_url("b"))
    assert done.notes == []
    assert executable(migrated, f"{login_name()}_a") == {*verbs.FUNCTIONS["publish"]}
    assert executable(migrated, f"{login_name()}_b") == {*verbs.FUNCTIONS["manage"]}
    assert executable(migrated, login_name()) == FUNCTIONS


@pytest.mark.slow
def test_a_login_that_no_setting_names_any_more_is_reported(migrated, monkeypatch):
    migrate(monkeypatch, publish=own_url("a"))
    assert migrate(monkeypatch).notes == [
        f"{login_name()}_a may execute verbs of the functions, and no setting names it: drop it, or revoke its rights"
    ]


@pytest.mark.slow
def test_functions_that_share_a_login_share_their_verbs(migrated, monkeypatch):
    migrate(monkeypatch, publish=own_url("a"), consume=own_url("a"))
    assert executable(migrated, f"{login_name()}_a") == {*verbs.FUNCTIONS["publish"], *verbs.FUNCTIONS["consume"]}
    migrate(monkeypatch, consume=own_url("a"), publish=settings.current().database_url)
    assert executable(migrated, f"{login_name()}_a") == {*verbs.FUNCTIONS["consume"]}
    assert executable(migrated, login_name()) == FUNCTIONS


@pytest.mark.slow
def test_a_function_that_has_no_verbs_can_have_no_login_of_its_own(migrated, monkeypatch):
    with pytest.raises(settings.SettingInvalid, match="deliver: it may have publish, consume"):
        migrate(monkeypatch, deliver=own_url("a"))


@pytest.mark.parametrize("value", ["postgresql://a:secret@b/c", '["secret"]', '{"publish": {"secret": 1}}'])
def test_urls_of_functions_that_are_no_json_are_refused_and_not_shown(monkeypatch, value):
    monkeypatch.setenv("FUNCTION_DATABASE_URLS", value)
    with pytest.raises(settings.SettingInvalid, match="must be a JSON object") as refused:
        settings.current.__wrapped__()
    assert "secret" not in str(refused.value)


def test_what_only_the_owner_may_execute_is_taken_from_every_role(migrated):
    name = f"{migrated.info.dbname}_cron"
    migrated.execute(f"CREATE ROLE {name}")
    migrated.execute(f"GRANT EXECUTE ON FUNCTION broker.clear_kept, broker.ensure_topic, broker.publish TO {name}")
    migrations.migrate()
    assert executable(migrated, name) == {"publish"}


@pytest.mark.parametrize("kind", verbs.DOOR)
def test_a_role_of_the_sql_door_can_execute_its_verbs_and_nothing_else(owner, kind):
    role = roles.name(kind, owner)
    assert executable(owner, role) == {*verbs.DOOR[kind]}
    assert owner.execute(TABLES_WITH_RIGHTS, [role]).fetchall() == []


def test_a_producer_and_a_consumer_can_do_their_part_and_no_other(program):
    producer, consumer, reader = program("producer"), program("consumer"), program("reader")
    producer.execute(PUBLISH)
    assert len(reader.execute(READ).fetchall()) == 1
    [(receipt, sender)] = consumer.execute(CONSUME).fetchall()
    settled = consumer.execute(
        "SELECT acked FROM broker.settle('orders', json_build_object('ack', json_build_array(%s::text)))", [receipt]
    )
    assert settled.fetchall() == [(1,)]
    assert producer.execute("SELECT messages FROM broker.broadcast('orders')").fetchall() == [(0,)]
    assert sender == producer.info.user
    refused(producer, CONSUME, READ, "SELECT FROM broker.messages", "SELECT broker.delete_topic('orders', true)")
    refused(consumer, PUBLISH, READ, "SELECT FROM broker.queue")
    refused(reader, PUBLISH, CONSUME, "SELECT FROM broker.tokens")


def test_a_role_of_another_database_on_the_server_has_no_rights(program, owner):
    stranger = program()
    owner.execute(f"GRANT {roles.name('producer', owner)} TO {stranger.info.user}")
    refused(stranger, PUBLISH)


@pytest.mark.slow
def test_the_client_role_of_earlier_versions_loses_its_rights(migrated):
    migrated.execute("CREATE ROLE broker_client; GRANT USAGE ON SCHEMA broker TO broker_client")
    migrated.execute("GRANT EXECUTE ON FUNCTION broker.publish, broker.consume TO broker_client")

    [note] = migrations.migrate().notes

    assert note.startswith("broker_client has no rights in this database any more: grant its members broker_producer_")
    assert executable(migrated, "broker_client") == set()
    migrated.execute("DROP ROLE broker_client")  # nothing depends on it
    assert migrations.migrate().notes == []


def test_a_copy_of_a_database_has_roles_of_its_own(migrated, new_database):
    name, [producer, owner] = migrated.info.dbname, [roles.name(kind, migrated) for kind in ("producer", "owner")]
    migrated.execute(PUBLISH)
    migrated.close()
    database.functions.close()
    database.owner.close()
    url = new_database(template=name)
    with psycopg.connect(url, autocommit=True) as copy:
        assert executable(copy, producer) == {*verbs.DOOR["producer"]}

        done = migrations.migrate()

        assert executable(copy, producer) == set()
        assert executable(copy, roles.name("producer", copy)) == {*verbs.DOOR["producer"]}
        owners = copy.execute("SELECT DISTINCT proowner::regrole::text FROM pg_proc WHERE proname LIKE 'publish%'")
        assert owners.fetchall() == [(roles.name("owner", copy),)] != [(owner,)]
        former = [*sorted(roles.name_in(kind, name) for kind in verbs.DOOR), f"{name}_functions"]
        assert [note.split()[0] for note in done.notes] == former
        assert topics.read("orders").queue.waiting == 1
    with psycopg.connect(make_conninfo(url, dbname=name)) as original:
        assert executable(original, producer) == {*verbs.DOOR["producer"]}


@pytest.mark.parametrize(
    "named", ["a" * 47, "a" * 48, "a" * 63, "é" * 31, "é" * 31 + "a", "x" + "é" * 31, "日" * 21, "a'\"; DROP"]
)
def test_a_name_fits_and_is_another_for_each_role_and_database(owner, named):
    names = [roles.name_in(kind, each) for kind in ("owner", *verbs.DOOR) for each in (named, named[:-1] + "b")]
    assert len(set(names)) == len(names)
    for name in names:
        assert name.startswith("broker_")
        assert owner.execute("SELECT %s::name::text", [name]).fetchone() == (name,)


def test_a_short_name_is_the_whole_name():
    assert roles.name_in("producer", "a" * 47) == "broker_producer_" + "a" * 47
    assert roles.name_in("producer", "a" * 48) == "broker_producer_" + "a" * 38 + "_5099e83e"


def test_the_functions_login_has_its_limits(owner):
    [limits] = owner.execute("SELECT rolconfig FROM pg_roles WHERE rolname = %s", [login_name()]).fetchone()
    assert {limit.lower() for limit in limits} >= {
        "statement_timeout=10s",
        "idle_in_transaction_session_timeout=10s",
        "idle_session_timeout=60s",
        "timezone=utc",
        "default_transaction_isolation=read committed",
    }


def test_the_server_never_sees_the_password_of_the_functions_login(new_database):
    url = new_database()
    migrations.migrate()
    with psycopg.connect(url) as superuser:
        [stored] = superuser.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [login_name()]).fetchone()
    assert stored.startswith("SCRAM-SHA-256$")
    database.ping()


def test_a_migration_goes_on_and_reports_when_its_owner_may_not_create_roles(superuser):
    done = migrations.migrate()
    assert done.applied
    owner, *door = (roles.name(kind, superuser) for kind in ("owner", *verbs.DOOR))
    assert done.notes == [
        f"{owner_name()} may not use the role {owner}: create it, grant it to {owner_name()}, and migrate again",
        f"{owner_name()} may not create the login {login_name()}: create it and migrate again",
        f"{owner_name()} may not create {', '.join(door)}: create these roles and migrate again",
    ]
    superuser.execute("SELECT FROM broker.topics")


def test_a_migration_goes_on_with_the_roles_that_were_created_for_it(superuser):
    owner, *door = (roles.name(kind, superuser) for kind in ("owner", *verbs.DOOR))
    for role in (owner, *door):
        superuser.execute(f"CREATE ROLE {role}")
    superuser.execute(f"GRANT {owner} TO {owner_name()}")
    superuser.execute(f"CREATE ROLE {login_name()} LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")

    done = migrations.migrate()

    [note] = done.notes
    assert note == (
        f"{owner_name()} may not change the login {login_name()}: its time limits go with each connection, and it has"
        " no limit of connections"
    )
    assert executable(superuser, door[0]) == {*verbs.DOOR["producer"]}
    assert topics.read("default").name == "default"
    [timeout] = database.call("SELECT current_setting('statement_timeout') AS value", {}, lambda value: value)
    assert timeout == "10s"


def test_a_migration_reports_that_the_functions_use_the_owners_login(migrated, monkeypatch):
    former = login_name()
    monkeypatch.setenv("DATABASE_URL", os.environ["OWNER_DATABASE_URL"])
    own = os.environ["OWNER_DATABASE_URL"]
    assert migrate(monkeypatch, publish=own).notes == [
        "DATABASE_URL, publish in FUNCTION_DATABASE_URLS is the owner's: give the functions a login of their own",
        f"{former} may execute verbs of the functions, and no setting names it: drop it, or revoke its rights",
    ]
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
