"""Functions: after a migration each equals its file, and the rights that users gave on it stay."""

import psycopg
import pytest

from broker import authorization, settings
from broker.schema import functions, migrations
from tests.conftest import ADMIN
from tests.support.client import ADMIN_TOKEN

SCHEMA = """SELECT oid::regprocedure::text, prosrc, proconfig, prosecdef, proacl::text FROM pg_proc
             WHERE pronamespace = 'broker'::regnamespace ORDER BY 1"""


def signatures(connection, verb):
    found = connection.execute(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'broker'::regnamespace AND proname = %s",
        [verb],
    )
    return [signature for (signature,) in found]


def rights(connection, verb):
    """The roles that may execute a verb, other than its owner, and whether they may pass it on."""
    found = connection.execute(
        "SELECT grantee, is_grantable FROM information_schema.routine_privileges"
        " WHERE routine_schema = 'broker' AND routine_name = %s AND grantee <> current_user ORDER BY grantee",
        [verb],
    )
    return found.fetchall()


@pytest.fixture
def shop(new):
    """A role of the users."""
    name = f"{new.info.dbname}_owner"
    new.execute(f"CREATE ROLE {name}")
    yield name
    new.execute(f"DROP OWNED BY {name}")


def test_migrating_again_leaves_every_function_as_it_was(new, migrate):
    migrate()
    before = new.execute(SCHEMA).fetchall()
    migrate()
    assert new.execute(SCHEMA).fetchall() == before


@pytest.mark.slow
def test_a_verb_is_replaced_when_its_body_changed(new, migrate):
    migrate()
    before = new.execute(SCHEMA).fetchall()
    new.execute("CREATE OR REPLACE FUNCTION broker.ticks(p_at timestamptz) RETURNS bigint LANGUAGE sql RETURN 1")
    migrate()
    assert new.execute(SCHEMA).fetchall() == before


def test_a_verb_is_replaced_when_its_result_changed(new, migrate):
    migrate()
    before = new.execute(SCHEMA).fetchall()
    new.execute("DROP FUNCTION broker.next_due")
    new.execute("CREATE FUNCTION broker.next_due() RETURNS integer LANGUAGE sql RETURN 1")
    migrate()
    assert new.execute(SCHEMA).fetchall() == before


def test_a_verb_is_replaced_when_its_signature_changed(new, migrate):
    migrate()
    before = new.execute(SCHEMA).fetchall()
    new.execute("DROP FUNCTION broker.revoke_token")
    new.execute("CREATE FUNCTION broker.revoke_token(p_name text) RETURNS boolean LANGUAGE sql RETURN true")
    migrate()
    assert signatures(new, "revoke_token") == ["broker.revoke_token(uuid)"]
    assert new.execute(SCHEMA).fetchall() == before


@pytest.mark.slow
def test_an_overload_that_is_newer_than_the_verb_is_dropped(new, migrate):
    migrate()
    before = new.execute(SCHEMA).fetchall()
    new.execute("CREATE FUNCTION broker.revoke_token(p_name text) RETURNS boolean LANGUAGE sql RETURN true")
    migrate()
    assert new.execute(SCHEMA).fetchall() == before


@pytest.mark.slow
def test_a_verb_is_replaced_when_its_result_changed_and_it_has_an_overload(new, migrate):
    migrate()
    before = new.execute(SCHEMA).fetchall()
    new.execute("DROP FUNCTION broker.revoke_token")
    new.execute("CREATE FUNCTION broker.revoke_token(p_id uuid) RETURNS integer LANGUAGE sql RETURN 1")
    new.execute("CREATE FUNCTION broker.revoke_token(p_name text) RETURNS boolean LANGUAGE sql RETURN true")
    migrate()
    assert new.execute(SCHEMA).fetchall() == before


@pytest.mark.slow
def test_rights_on_a_verb_stay_when_its_result_changed(new, migrate, shop):
    migrate()
    expected = [(shop, "YES"), *rights(new, "next_due")]
    new.execute("DROP FUNCTION broker.next_due")
    new.execute("CREATE FUNCTION broker.next_due() RETURNS integer LANGUAGE sql RETURN 1")
    new.execute(f"GRANT EXECUTE ON FUNCTION broker.next_due TO {shop} WITH GRANT OPTION")
    migrate()
    assert rights(new, "next_due") == sorted(expected)


def test_rights_on_a_verb_stay_when_its_signature_changed(new, migrate, shop):
    migrate()
    expected = [(shop, "NO"), *rights(new, "revoke_token")]
    new.execute("DROP FUNCTION broker.revoke_token")
    new.execute("CREATE FUNCTION broker.revoke_token(p_name text) RETURNS boolean LANGUAGE sql RETURN true")
    new.execute(f"GRANT EXECUTE ON FUNCTION broker.revoke_token TO {shop}")
    migrate()
    assert signatures(new, "revoke_token") == ["broker.revoke_token(uuid)"]
    assert rights(new, "revoke_token") == sorted(expected)


@pytest.mark.slow
def test_the_right_of_a_role_that_no_longer_exists_is_left_out(new, migrate):
    migrate()
    expected = rights(new, "next_due")
    new.execute("DROP FUNCTION broker.next_due")
    new.execute("CREATE FUNCTION broker.next_due() RETURNS integer LANGUAGE sql RETURN 1")
    new.execute(
        "UPDATE pg_proc SET proacl = ARRAY[makeaclitem(999999, proowner, 'EXECUTE', false)]"
        " WHERE oid = 'broker.next_due'::regproc"
    )
    migrate()
    assert rights(new, "next_due") == expected


@pytest.mark.slow
def test_a_verb_that_a_view_uses_is_named_when_its_result_changed(new, migrate):
    migrate()
    new.execute("DROP FUNCTION broker.next_due")
    new.execute("CREATE FUNCTION broker.next_due() RETURNS integer LANGUAGE sql RETURN 1")
    new.execute("CREATE VIEW public.dues AS SELECT broker.next_due() AS due")
    before = new.execute(SCHEMA).fetchall()

    with pytest.raises(functions.FunctionInUse) as raised:
        migrate()

    assert str(raised.value) == (
        "the earlier broker.next_due cannot be dropped, because it is in use (view public.dues depends on function"
        " next_due()): drop what uses it, migrate again, and create that anew"
    )
    assert new.execute(SCHEMA).fetchall() == before
    new.execute("DROP VIEW public.dues")
    migrate()


def test_a_view_on_a_verb_stays_when_only_its_body_changed(new, migrate):
    migrate()
    new.execute("CREATE VIEW public.dues AS SELECT broker.next_due() AS due")
    new.execute(
        "CREATE OR REPLACE FUNCTION broker.next_due() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'"
    )
    migrate()
    assert new.execute("SELECT count(*) FROM public.dues").fetchone() == (1,)


def test_a_verb_without_a_file_is_dropped(new, migrate):
    migrate()
    new.execute("CREATE FUNCTION broker.shout(p_topic text) RETURNS boolean LANGUAGE sql RETURN true")
    migrate()
    assert signatures(new, "shout") == []


def test_the_statements_of_the_version_before_work_on_the_tokens_of_this_one(new, migrate):
    """Functions of schema 0010 run until the deployment has replaced them."""
    migrate()
    with psycopg.connect(settings.current().database_url, autocommit=True) as session:
        minted = session.execute(
            "SELECT id, created_at FROM broker.mint_token(%s, %s, %s::text[], %s::text[])",
            ["old", authorization.digest("old"), ["publish"], ["*"]],
        ).fetchone()
        found = session.execute(
            "SELECT id, name, scopes, topics FROM broker.authorize_token(%s)", [authorization.digest("old")]
        ).fetchone()
        shown = session.execute(
            "SELECT id, name, scopes, topics, created_at FROM broker.list_tokens(%s::uuid, %s::uuid, %s)",
            [minted[0], None, 1],
        ).fetchone()
        assert found == (minted[0], "old", ["publish"], ["*"])
        assert shown == (*found, minted[1])

        new.execute("UPDATE broker.tokens SET expires_at = now() WHERE name = 'old'")

        ended = session.execute(
            "SELECT id, name, scopes, topics FROM broker.authorize_token(%s)", [authorization.digest("old")]
        ).fetchall()
        assert ended == []


@pytest.mark.slow
def test_the_statements_of_the_version_before_the_limits_work_on_the_tokens_of_this_one(new, migrate):
    """Functions of schema 0011 run until the deployment has replaced them; they do not see a limit."""
    migrate()
    with psycopg.connect(settings.current().database_url, autocommit=True) as session:
        minted = session.execute(
            "SELECT id, created_at, expires_at FROM broker.mint_token("
            "%s, %s, %s::text[], %s::text[], %s::integer, %s::timestamptz)",
            ["old", authorization.digest("old"), ["publish"], ["*"], 3600, None],
        ).fetchone()
        new.execute("UPDATE broker.tokens SET requests_per_second = 5 WHERE name = 'old'")
        expected = (minted[0], "old", ["publish"], ["*"], *minted[1:])
        columns = "SELECT id, name, scopes, topics, created_at, expires_at FROM"
        found = session.execute(f"{columns} broker.authorize_token(%s)", [authorization.digest("old")]).fetchone()
        listed = session.execute(
            f"{columns} broker.list_tokens(%s::uuid, %s::uuid, %s)", [minted[0], None, 1]
        ).fetchone()
    assert found == expected
    assert listed == expected


@pytest.mark.slow
def test_a_session_with_a_prepared_statement_goes_on_when_a_result_changed(new, migrate):
    migrate()
    new.execute("DROP FUNCTION broker.authorize_token")
    new.execute(
        "CREATE FUNCTION broker.authorize_token(p_hash bytea) RETURNS TABLE (topics text[], name text, old text)"
        " LANGUAGE sql SECURITY DEFINER AS $$ SELECT t.topics, t.name, 'old' FROM broker.tokens t $$"
    )
    migrations.migrate(ADMIN)
    statement = "SELECT name, topics FROM broker.authorize_token(%s)"
    with psycopg.connect(settings.current().database_url, autocommit=True) as session:
        earlier = session.execute(statement, [authorization.digest(ADMIN_TOKEN)], prepare=True).fetchall()
        migrate()
        assert session.execute(statement, [authorization.digest(ADMIN_TOKEN)], prepare=True).fetchall() == earlier
    assert earlier == [("admin", ["*"])]
