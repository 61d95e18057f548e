"""Ownership: the schema belongs to a role that nobody can log in with, and Migrate and Maintain work as its members."""

from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import settings, topics
from broker.queue import messages
from broker.schema import maintenance, migrations, roles
from tests.conftest import PASSWORD
from tests.support import partitions

POSTGRES_16 = 160_000
OWNERS = """SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'broker'
            UNION SELECT relowner::regrole::text FROM pg_class WHERE relnamespace = 'broker'::regnamespace
            UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'broker'::regnamespace
            UNION SELECT typowner::regrole::text FROM pg_type WHERE typnamespace = 'broker'::regnamespace"""


class Login:
    """The login that migrates a new database, which it owns; and a superuser's connection to look."""

    def __init__(self, superuser, name):
        self.superuser = superuser
        self.name = name
        self.owner = roles.name("owner", superuser)

    def owners(self):
        return {owner for (owner,) in self.superuser.execute(OWNERS)}


@pytest.fixture
def migrator(new_database, monkeypatch):
    """Make a login with these attributes that owns a new database, and let Migrate and Maintain use it."""
    opened = []

    def make(attributes):
        url = new_database()
        database = conninfo_to_dict(url)["dbname"]
        name = f"{database}_login"
        superuser = psycopg.connect(url, autocommit=True, options="-c search_path=broker")
        opened.append(superuser)
        superuser.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + attributes).format(
                sql.Identifier(name), sql.Literal(PASSWORD)
            )
        )
        superuser.execute(f"ALTER DATABASE {database} OWNER TO {name}")
        monkeypatch.setenv("OWNER_DATABASE_URL", make_conninfo(url, user=name, password=PASSWORD))
        settings.current.cache_clear()
        return Login(superuser, name)

    yield make
    for connection in opened:
        connection.close()


def publish():
    messages.publish("orders", messages.Publication('[{"content": "a"}]', many=True), "a test", UUID(int=0))


@pytest.mark.parametrize("attributes", ["SUPERUSER", "CREATEROLE"])
def test_all_in_the_schema_belongs_to_a_role_that_nobody_can_log_in_with(migrator, attributes):
    login = migrator(attributes)
    assert migrations.migrate().notes == []
    assert login.owners() == {login.owner}
    attributes = (
        "SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = %s"
    )
    assert login.superuser.execute(attributes, [login.owner]).fetchall() == [(False,) * 5]


@pytest.mark.slow
def test_what_a_migration_makes_outside_of_a_transaction_belongs_to_the_owner(migrator, add_migration):
    login = migrator("CREATEROLE")
    added = add_migration(f"{migrations.OUTSIDE}CREATE TABLE outside (id integer);\n")
    assert migrations.migrate().applied[-1] == added.stem
    assert login.owners() == {login.owner}


@pytest.mark.parametrize("attributes", ["SUPERUSER", "CREATEROLE"])
def test_what_exists_is_given_to_the_owner_with_its_messages_and_rights(migrator, attributes):
    login = migrator(attributes)
    migrations.migrate()
    publish()
    login.superuser.execute(f"REASSIGN OWNED BY {login.owner} TO {login.name}")
    assert login.owners() == {login.name}

    assert migrations.migrate().notes == []

    assert login.owners() == {login.owner}
    assert topics.read("orders").queue.waiting == 1


@pytest.mark.slow
def test_what_belongs_to_the_owner_is_not_changed_again(migrator):
    login = migrator("CREATEROLE")
    migrations.migrate()
    written = "SELECT oid, xmin::text FROM pg_class WHERE relnamespace = 'broker'::regnamespace ORDER BY 1"
    before = login.superuser.execute(written).fetchall()
    migrations.migrate()
    assert login.superuser.execute(written).fetchall() == before


@pytest.mark.slow
def test_a_login_that_may_not_create_roles_owns_the_schema_itself(migrator):
    login = migrator("")
    done = migrations.migrate()
    assert done.applied
    assert done.notes[0] == (
        f"{login.name} may not use the role {login.owner}: create it, grant it to {login.name}, and migrate again"
    )
    assert login.owners() == {login.name}
    assert migrations.migrate().notes == done.notes


@pytest.mark.slow
def test_a_login_that_may_not_create_roles_uses_the_owner_that_it_was_granted(migrator):
    login = migrator("")
    migrations.migrate()
    login.superuser.execute(f"CREATE ROLE {login.owner} NOLOGIN; GRANT {login.owner} TO {login.name}")
    done = migrations.migrate()
    assert not [note for note in done.notes if login.owner in note]
    assert login.owners() == {login.owner}


@pytest.mark.slow
def test_a_login_with_noinherit_gets_the_rights_of_the_owner_where_postgresql_can_grant_them(migrator):
    login = migrator("CREATEROLE NOINHERIT")
    can = login.superuser.info.server_version >= POSTGRES_16
    notes = migrations.migrate().notes
    assert [login.owner in note for note in notes] == ([] if can else [True])
    assert login.owners() == {login.owner if can else login.name}
    assert maintenance.maintain().made >= 0


@pytest.mark.slow
@pytest.mark.parametrize("attributes", ["SUPERUSER", "CREATEROLE", ""])
def test_maintain_makes_and_removes_partitions(migrator, attributes):
    login = migrator(attributes)
    migrations.migrate()
    [owner] = login.owners()
    partitions.drop_all(login.superuser)
    partitions.add(login.superuser, "old", "now() - interval '50 days'", "now() - interval '40 days'")

    done = maintenance.maintain()

    assert done.made > 0
    assert done.removed == ["old"]
    assert login.owners() == {owner}


def test_a_partition_that_publish_makes_belongs_to_the_owner(migrator):
    login = migrator("CREATEROLE")
    migrations.migrate()
    partitions.drop_all(login.superuser)
    publish()
    assert len(partitions.attached(login.superuser)) == 1
    assert login.owners() == {login.owner}
