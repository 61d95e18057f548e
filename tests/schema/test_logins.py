"""The logins of the functions: made, tried, given the password of their URL, and limited in their connections."""

import json
import socket
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import connection, database, settings, topics
from broker.schema import migrations, payload, roles
from tests.conftest import PASSWORD
from tests.support.client import Context, app
from tests.support.pooler import Pooler
from tests.support.runner import until

NEW_PASSWORD = "An0ther-password:of/the?functions@1#%"
GIVEN = payload.Payload(functions_password=NEW_PASSWORD)
FIT = """SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
                - current_setting('reserved_connections')::integer - 10"""


@pytest.fixture
def new(new_database):
    """The superuser's connection to a new database."""
    with psycopg.connect(new_database(), autocommit=True) as opened:
        yield opened


@pytest.fixture
def use(monkeypatch):
    """Let the environment say something else: `use(DATABASE_URL=…)`."""

    def use(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings.current.cache_clear()
        database.owner.close()
        database.functions.close()

    yield use
    monkeypatch.undo()
    settings.current.cache_clear()
    database.owner.close()
    database.functions.close()


@pytest.fixture
def through(use, new):
    """Let the owner, and the functions, go through a stand-in for a pooler: `through(tenant="project")`."""
    opened = []

    def through(*, host="127.0.0.1", suffix="", **options):
        pooler = Pooler(new.info.port, host=host, **options)
        opened.append(pooler)
        changes = {"host": host, "port": str(pooler.port)}
        urls = {
            "DATABASE_URL": settings.current().database_url,
            "OWNER_DATABASE_URL": settings.current().owner_database_url,
        }
        users = {name: conninfo_to_dict(url)["user"] + suffix for name, url in urls.items()}
        use(**{name: make_conninfo(url, user=users[name], **changes) for name, url in urls.items()})

    yield through
    for pooler in opened:
        pooler.__exit__()


def role_of(new):
    return roles.name("functions", new)


def can_log_in(url):
    try:
        connection.open_session(url).close()
    except connection.CannotConnect:
        return False
    return True


def test_with_a_password_migrate_makes_the_login_and_returns_its_url(new):
    done = app("migrate").handler({"functions_password": NEW_PASSWORD}, Context())
    url = done.pop("functions_url")
    assert done.keys() == {"version", "applied", "notes", "connections"}
    assert done["notes"] == []
    where = conninfo_to_dict(settings.current().owner_database_url)
    assert url == (
        f"postgresql://{role_of(new)}:{quote(NEW_PASSWORD, safe='')}@{where['host']}:{where['port']}/{where['dbname']}"
    )
    functions = database.Database(lambda: url)
    assert functions.value("SELECT session_user") == role_of(new)
    functions.close()


def test_without_a_password_migrate_returns_no_url(new):
    assert app("migrate").handler({}, Context()).keys() == {"version", "applied", "notes", "connections"}


def test_the_url_of_the_functions_keeps_what_the_owners_url_says(new, use):
    owner = conninfo_to_dict(settings.current().owner_database_url)
    hosts = {"host": "127.0.0.1,localhost", "port": f"{owner['port']},{owner['port']}"}
    use(OWNER_DATABASE_URL=make_conninfo(**{**owner, **hosts, "sslmode": "prefer", "keepalives_idle": "7"}))
    done = migrations.migrate(GIVEN)
    assert done.notes == []
    login = {"user": role_of(new), "password": NEW_PASSWORD}
    assert conninfo_to_dict(done.functions_url) == {
        **owner,
        **hosts,
        **login,
        "sslmode": "prefer",
        "keepalives_idle": "7",
    }


@pytest.mark.parametrize(
    "parameters",
    [
        {"host": "db.example.com", "port": "6543", "dbname": "a/b"},
        {"host": "::1", "dbname": "broker", "sslmode": "require"},
        {"host": "/var/run/postgresql", "dbname": "broker"},
        {"host": "a,b", "port": "1,2", "dbname": "broker", "target_session_attrs": "read-write"},
        {"dbname": "broker", "options": "-c geqo=off"},
    ],
)
def test_a_url_has_all_parameters(parameters):
    parameters |= {"user": "a user.project", "password": NEW_PASSWORD}
    read = conninfo_to_dict(connection.to_url(parameters))
    assert read == {**({"port": "5432"} if "port" in read else {}), **parameters}


def test_a_changed_password_in_the_url_is_applied(new, use):
    migrations.migrate()
    before = settings.current().database_url
    use(DATABASE_URL=make_conninfo(before, password=NEW_PASSWORD))

    assert migrations.migrate().notes == []

    assert can_log_in(settings.current().database_url)
    assert not can_log_in(before)


@pytest.mark.slow
def test_a_changed_password_in_the_payload_is_applied(new):
    before = migrations.migrate(payload.Payload(functions_password="the-first-password")).functions_url
    done = migrations.migrate(GIVEN)
    assert done.notes == []
    assert can_log_in(done.functions_url)
    assert not can_log_in(before)


@pytest.fixture
def limited_owner(new, use):
    """An owner that may create no role, in a database whose roles an administrator has made."""
    name = new.info.dbname
    login = settings.current().database_url
    statement = "CREATE ROLE {} LOGIN PASSWORD {}"
    for role in (f"{name}_owner", conninfo_to_dict(login)["user"]):
        new.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(PASSWORD)))
    new.execute(f"GRANT CREATE ON DATABASE {name} TO {name}_owner")
    for kind in ("owner", "producer", "consumer", "reader"):
        new.execute(f"CREATE ROLE {roles.name(kind, new)}")
    new.execute(f"GRANT {roles.name('owner', new)} TO {name}_owner")
    use(
        OWNER_DATABASE_URL=make_conninfo(settings.current().owner_database_url, user=f"{name}_owner", password=PASSWORD)
    )
    return f"{name}_owner"


def test_a_changed_password_that_may_not_be_applied_is_noted(new, use, limited_owner):
    url = settings.current().database_url
    use(DATABASE_URL=make_conninfo(url, password=NEW_PASSWORD))

    notes = migrations.migrate().notes

    login = conninfo_to_dict(url)["user"]
    assert notes[-1] == (
        f"{limited_owner} may not change the password of {login}, which is not that of DATABASE_URL:"
        " change it as an administrator, or correct the setting"
    )
    assert can_log_in(url)


def test_a_login_that_cannot_connect_is_noted_with_the_reason(new, use):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    use(DATABASE_URL=make_conninfo(settings.current().database_url, port=str(port)))
    [note] = migrations.migrate().notes
    assert note.startswith(f"the functions cannot log in by DATABASE_URL: no connection to 127.0.0.1:{port}, ")
    assert PASSWORD not in note


def test_each_login_of_a_function_is_tried(new, use):
    urls = {"publish": make_conninfo(settings.current().database_url, user=f"{new.info.dbname}_publish")}
    use(FUNCTION_DATABASE_URLS=json.dumps(urls))
    migrations.migrate()
    urls["publish"] = make_conninfo(urls["publish"], password=NEW_PASSWORD)
    use(FUNCTION_DATABASE_URLS=json.dumps(urls))
    assert migrations.migrate().notes == []
    assert can_log_in(urls["publish"])


def test_a_login_may_open_no_more_connections_than_leave_room_for_others(new):
    done = migrations.migrate(GIVEN)
    if new.info.server_version < 160000:
        pytest.skip("PostgreSQL 15 has no reserved_connections")
    assert new.execute(FIT).fetchone() == (done.connections,)
    limit = new.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", [role_of(new)]).fetchone()
    assert limit == (done.connections,)
    assert done.connections > 100


def test_a_small_server_leaves_the_functions_one_connection_at_least(new, monkeypatch):
    monkeypatch.setattr(roles, "OTHERS", 1000)
    assert migrations.migrate().connections == 1


def test_a_login_with_all_its_connections_in_use_is_no_mistake(new, monkeypatch):
    monkeypatch.setattr(roles, "OTHERS", 1000)
    url = migrations.migrate(GIVEN).functions_url
    sessions = "SELECT FROM pg_stat_activity WHERE usename = %s"
    until(lambda: not new.execute(sessions, [role_of(new)]).fetchall())  # Migrate's own has ended
    with psycopg.connect(url):
        assert migrations.migrate(GIVEN).notes == []


@pytest.mark.slow
def test_through_a_pooler_the_number_of_connections_is_its_own(new, use):
    use(OPTIONS='{"database_proxy": true}')
    assert app("migrate").handler({}, Context())["connections"] is None


@pytest.mark.slow
def test_a_pooler_that_takes_the_project_after_the_login_gets_it(new, through):
    through(tenant="project", suffix=".project")
    done = migrations.migrate(GIVEN)
    assert done.notes == []
    assert done.connections is None
    assert conninfo_to_dict(done.functions_url)["user"] == f"{role_of(new)}.project"
    functions = database.Database(lambda: done.functions_url)
    assert functions.value("SELECT session_user") == role_of(new)
    functions.close()
    assert roles.exists(new, role_of(new))


@pytest.mark.slow
def test_a_login_in_the_settings_may_have_the_project_too(new, through):
    through(tenant="project", suffix=".project")
    assert migrations.migrate().notes == []
    assert topics.read("default").name == "default"
    assert not roles.exists(new, conninfo_to_dict(settings.current().database_url)["user"])


@pytest.mark.slow
def test_a_provider_that_refuses_verifiers_gets_the_password_as_it_is(new, through):
    through(wants_plaintext=True)
    for password in (NEW_PASSWORD, NEW_PASSWORD[::-1]):
        done = migrations.migrate(payload.Payload(functions_password=password))
        assert done.notes == []
        assert can_log_in(done.functions_url)


@pytest.fixture
def own_address():
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has loopback only")
        return probe.getsockname()[0]


@pytest.mark.slow
def test_no_password_is_sent_as_it_is_over_a_network_without_tls(new, through, use, own_address):
    through(wants_plaintext=True, host=own_address)
    for name in ("DATABASE_URL", "OWNER_DATABASE_URL"):
        url = getattr(settings.current(), name.lower())
        use(**{name: make_conninfo(url, sslmode="disable")})
    login = conninfo_to_dict(settings.current().database_url)["user"]

    [note] = migrations.migrate().notes

    assert note == (
        f"the login {login} was not created: the provider wants its password as it is, and the owner's connection is"
        " not encrypted: remove sslmode from the URL of the owner"
    )
    assert not roles.exists(new, login)
