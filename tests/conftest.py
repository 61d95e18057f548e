"""One PostgreSQL a run, one database a worker cloned from a migrated template, and rows deleted between tests."""

import contextlib
import gc
import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import StringIO
from typing import Any

import psycopg
import pytest
from moto import mock_aws
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import authorization, database, deadlines, rate_limits, settings, telemetry
from broker.aws import connections
from broker.dispatch import notifier
from broker.pubsub import subscriptions
from broker.queue import leases
from broker.schema import migrations, roles
from broker.schema.payload import Payload
from broker.transport import queues as transport_queues
from broker.webhooks import worker
from local.postgres import embedded
from tests.support import cleaning, faketime, folders
from tests.support.aws import REGION, Aws
from tests.support.client import ADMIN_TOKEN, TOKEN_KEY, Client
from tests.support.endpoints import Endpoint
from tests.support.runner import until
from tests.support.sqs import Queues
from tests.support.topic import Topic

pytest_plugins = ["tests.support.concurrent_sessions", "tests.support.interleaving"]

ADMIN = Payload(admin_token_hash=authorization.digest(ADMIN_TOKEN).hex())
LOGIN, PASSWORD = "broker_functions", "a test's password"
if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # a shell without job control starts so with &, and children inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        stack = contextlib.ExitStack()
        config.add_cleanup(stack.close)
        folder = stack.enter_context(folders.for_data("broker-tests-"))
        server = stack.enter_context(embedded.start(folder, settings=QUICK))
        _make_logins_cheap(server.url)
        _use(server.url)
        migrations.migrate(ADMIN)
        database.owner.close()
        _name_template(server.url)
        config.stash[URL] = server.url
    else:
        config.stash[URL] = config.workerinput["database_url"]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["database_url"] = node.config.stash[URL]


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # or each full collection, of which there are hundreds, looks at all tests and modules


@pytest.fixture(scope="session", autouse=True)
def database_url(pytestconfig: pytest.Config, worker_id: str) -> Iterator[str]:
    """The owner's url of this worker's database, which the environment names too."""
    name = f"broker_{worker_id}"
    admin = _url(pytestconfig.stash[URL], dbname="postgres")
    url = _url(admin, dbname=name)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(0)")  # the workers share the functions' login
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE broker_template").format(sql.Identifier(name)))
        _use(url)
        migrations.migrate(ADMIN)  # a clone has the roles of the template until then
    with psycopg.connect(url) as connection:
        _open_sql_door(connection, LOGIN)
    yield url
    database.owner.close()
    database.functions.close()


@pytest.fixture(scope="session")
def cleaner(database_url: str) -> Iterator[Callable[[], None]]:
    """Delete the rows of this worker's database, in one statement of a session that is kept: it costs a millisecond."""
    with cleaning.Cleaner(database_url, ADMIN_TOKEN) as cleaner:
        yield cleaner.clean


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the schema's owner, in autocommit, to arrange and to look."""
    with psycopg.connect(database_url, autocommit=True, options="-c search_path=broker") as connection:
        yield connection


@pytest.fixture
def session(database_url: str) -> Iterator[Any]:
    """Make further sessions of the functions' login, here a program's too: `session()`; each is closed at the end."""
    opened: list[psycopg.Connection[Any]] = []

    def open_session(*, autocommit: bool = True) -> psycopg.Connection[Any]:
        opened.append(psycopg.connect(_login_url(database_url), autocommit=autocommit))
        return opened[-1]

    yield open_session
    for connection in opened:
        connection.close()


@pytest.fixture
def first(session: Any) -> psycopg.Connection[Any]:
    """A session in a transaction that is open until the test ends it."""
    return session(autocommit=False)


@pytest.fixture
def second(session: Any) -> psycopg.Connection[Any]:
    """Another session, in autocommit."""
    return session()


@pytest.fixture
def background(owner: psycopg.Connection[Any]) -> Iterator[Any]:
    """Run a statement that has to wait: `background(session, statement)` returns once it waits for a lock."""
    with ThreadPoolExecutor() as pool:

        def start(connection: psycopg.Connection[Any], statement: str, *values: object) -> Future[list[Any]]:
            running = pool.submit(lambda: connection.execute(statement.encode(), values).fetchall())

            def waits() -> bool:
                blockers = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
                [row] = owner.execute(blockers, [connection.info.backend_pid]).fetchall()
                return bool(row[0]) or running.done()

            until(waits)
            assert not running.done(), "it did not wait"
            return running

        yield start


@pytest.fixture
def new_database(database_url: str) -> Iterator[Any]:
    """Make databases, empty or as a template: `new_database()` returns the owner's url; with a server's url, on that.

    The environment names the last one, with a login of the functions that only it knows, until the end of the test.
    """
    made: list[tuple[str, str]] = []

    def make(server: str = database_url, *, template: str = "template1") -> str:
        name = f"{conninfo_to_dict(database_url)['dbname']}_{len(made)}"
        made.append((name, _url(server, dbname="postgres")))
        _run(made[-1][1], f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        _use(url := _url(server, dbname=name), login=f"{name}_functions")
        return url

    yield make
    _use(database_url)
    for name, admin in made:
        _run(admin, f"DROP DATABASE {name} WITH (FORCE)")
    for name, admin in made:
        _drop_roles(admin, name)


@pytest.fixture(scope="session")
def ring_template(database_url: str) -> str:
    """The name of a new database that is migrated. Its roles are those of the database `ring`, made from it."""
    ring = f"{conninfo_to_dict(database_url)['dbname']}_ring"
    admin, login = _url(database_url, dbname="postgres"), f"{ring}_functions"
    _run(admin, f"CREATE DATABASE {ring}")
    _use(url := _url(database_url, dbname=ring), login)
    migrations.migrate()
    with psycopg.connect(url) as connection:
        _open_sql_door(connection, login)
    _use(database_url)
    _run(admin, f"ALTER DATABASE {ring} RENAME TO {ring}_template")
    return f"{ring}_template"


@pytest.fixture
def ring(database_url: str, ring_template: str) -> Iterator[psycopg.Connection[Any]]:
    """The owner's connection to a new database, in which partitions may come and go."""
    name, admin = ring_template.removesuffix("_template"), _url(database_url, dbname="postgres")
    _run(admin, f"CREATE DATABASE {name} TEMPLATE {ring_template} STRATEGY FILE_COPY")
    _use(url := _url(database_url, dbname=name), f"{name}_functions")
    with psycopg.connect(url, autocommit=True, options="-c search_path=broker") as connection:
        yield connection
    _use(database_url)
    _run(admin, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def moving_clock(database_url: str) -> Iterator[tuple[faketime.Clock, psycopg.Connection[Any]]]:
    """A server whose clock moves, with the owner's connection to its database, which is not migrated yet.

    The environment names it until the end of the test.
    """
    if faketime.LIBRARY is None:
        pytest.skip("libfaketime is not installed")
    with faketime.server(QUICK) as (url, clock):
        _use(url)
        with psycopg.connect(url, autocommit=True, options="-c search_path=broker") as owner:
            yield clock, owner
        _use(database_url)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """AWS, as moto answers, at an address of this computer; the settings have its region and credentials."""
    monkeypatch.setenv("AWS_REGION", REGION)
    with mock_aws(), Aws() as aws:
        yield aws
        connections.close()


@pytest.fixture
def queues(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queues]:
    """The loop's queues, in moto; the settings name them."""
    queues = Queues(aws.url)
    monkeypatch.setenv("DISPATCH_QUEUE_URL", queues.dispatch.url)
    monkeypatch.setenv("DELIVERY_QUEUE_URL", queues.delivery.url)
    settings.current.cache_clear()
    yield queues
    settings.current.cache_clear()


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
    """Give the lines of the functions' log."""
    log = StringIO()
    monkeypatch.setattr(telemetry._logger.registered_handler, "stream", log)
    return lambda: [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.fixture
def limit_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock for the limits of tokens, which only the test moves: `limit_clock(0.5)` by half a second."""
    now = [1_800_000_000 * 10**9]

    def move(seconds: float) -> None:
        now[0] += round(seconds * 10**9)

    monkeypatch.setattr(rate_limits.time, "time_ns", lambda: now[0])
    return move


@pytest.fixture
def client() -> Client:
    """Requests to the functions' handlers, in this process, as API Gateway makes them; with the admin token."""
    return Client()


@pytest.fixture
def orders(owner: psycopg.Connection[Any]) -> Topic:
    """A topic, by the operations that the functions call."""
    return Topic("orders", owner)


@pytest.fixture
def subscribed(orders: Topic, endpoint: Endpoint) -> subscriptions.Subscribed:
    """A subscription with one message to deliver."""
    subscribed = orders.subscribe(endpoint.url)
    orders.publish("a")
    orders.broadcast()
    return subscribed


@pytest.fixture
def invoices(owner: psycopg.Connection[Any]) -> Topic:
    """Another topic."""
    return Topic("invoices", owner)


@pytest.fixture(autouse=True)
def _clean(cleaner: Callable[[], None]) -> Iterator[None]:
    yield
    telemetry.forget()
    authorization.forget()
    rate_limits.forget()
    notifier.forget()
    leases.forget()
    worker.forget()
    transport_queues.dispatch_in_memory.clear()
    transport_queues.delivery_in_memory.clear()
    deadlines.begin(float("inf"))
    cleaner()


URL = pytest.StashKey[str]()


def _make_logins_cheap(url: str) -> None:
    """Let a client hash its password once for each connection, not 4096 times. PostgreSQL 15 cannot."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.info.server_version >= 160000:
            connection.execute("ALTER SYSTEM SET scram_iterations = 1")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("SET scram_iterations = 1")
            connection.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(connection.info.password))


def _name_template(url: str) -> None:
    with psycopg.connect(_url(url, dbname="postgres"), autocommit=True) as connection:
        connection.execute("ALTER DATABASE broker RENAME TO broker_template")


def _open_sql_door(connection: psycopg.Connection[Any], login: str) -> None:
    """Make the functions' login a producer and a consumer too, because tests use its sessions as those of a program."""
    for kind in ("producer", "consumer"):
        role = sql.Identifier(roles.name(kind, connection))
        connection.execute(sql.SQL("GRANT {} TO {}").format(role, sql.Identifier(login)))


def _drop_roles(url: str, name: str) -> None:
    """Drop the roles that were made for a database, by Migrate or by a test."""
    with psycopg.connect(url, autocommit=True) as connection:
        made = connection.execute("SELECT quote_ident(rolname) FROM pg_roles WHERE rolname ~ %s", [f"(^|_){name}(_|$)"])
        if found := ", ".join(role for (role,) in made):
            connection.execute(f"DROP ROLE {found}".encode())


def _run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def _use(url: str, login: str = LOGIN) -> None:
    """Let the environment name this database, as template.yaml does."""
    os.environ |= {
        "DATABASE_URL": _login_url(url, login),
        "OWNER_DATABASE_URL": url,
        "TOKEN_KEYS": TOKEN_KEY,
        "OPTIONS": '{"allow_private_webhooks": true}',
        "POWERTOOLS_SERVICE_NAME": "pgbroker",
        "POWERTOOLS_METRICS_NAMESPACE": "pgbroker",
    }
    settings.current.cache_clear()
    database.owner.close()
    database.functions.close()


def _url(url: str, **changes: str) -> str:
    return make_conninfo(**{**conninfo_to_dict(url), **changes})


def _login_url(url: str, login: str = LOGIN) -> str:
    return _url(url, user=login, password=PASSWORD)
