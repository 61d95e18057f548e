"""The schema: its verbs run as its owner with a fixed search path, and PUBLIC has no rights."""

import pytest

from tests.support.client import ROOT

FOLDERS = ROOT / "layers/broker/broker/sql/functions"
HELPERS = {file.stem for file in (FOLDERS / "internal").glob("*.sql")}


@pytest.fixture
def functions(owner):
    """Each function of the schema: its name, whether it runs as its owner, and its settings."""
    return owner.execute(
        "SELECT proname, prosecdef, coalesce(proconfig, '{}') FROM pg_proc WHERE pronamespace = 'broker'::regnamespace"
    ).fetchall()


def test_no_verb_has_two_signatures(functions):
    names = [name for name, *_ in functions]
    assert len(names) == len(set(names)) > len(HELPERS)


def test_verbs_run_as_their_owner_and_helpers_do_not(functions):
    assert {name for name, as_owner, _ in functions if not as_owner} == HELPERS


def test_a_function_that_runs_as_its_owner_sets_its_search_path(functions):
    assert {
        name for name, as_owner, config in functions if as_owner and "search_path=broker, pg_temp" not in config
    } == set()


def test_a_verb_that_writes_waits_at_most_five_seconds_for_a_lock(owner):
    without_timeout = owner.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'broker'::regnamespace AND prosecdef AND provolatile = 'v'"
        " AND NOT coalesce(proconfig, '{}') @> '{lock_timeout=5s}'"
    )
    assert sorted(without_timeout) == [("delete_topic",), ("publish",)]  # see below; it only calls publish_batch


def test_the_verb_that_publishers_wait_behind_waits_200_ms_for_its_two_locks(owner):
    [settings] = owner.execute("SELECT proconfig FROM pg_proc WHERE proname = 'delete_topic'").fetchone()
    assert "lock_timeout=90ms" in settings


def test_every_verb_that_writes_refuses_another_isolation_level(owner):
    unchecked = owner.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'broker'::regnamespace AND prosecdef AND provolatile = 'v'"
        " AND prosrc !~ 'refuse_isolation'"
    )
    tokens_and_maintenance = {
        file.stem for name in ("tokens", "maintenance") for file in (FOLDERS / name).glob("*.sql")
    }
    call_another_verb = {"publish", "publish_batch", "settle"}
    assert {name for (name,) in unchecked} - tokens_and_maintenance == call_another_verb


def test_every_function_takes_the_time_of_the_call(owner):
    found = owner.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'broker'::regnamespace AND pg_get_functiondef(oid)"
        " ~ '(statement_timestamp|transaction_timestamp|[^v_]now)[(]'"
    )
    assert found.fetchall() == [("call_time",)]


def test_public_has_no_rights_in_the_schema(owner):
    granted = owner.execute(
        "SELECT objects.name FROM ("
        " SELECT proname AS name, coalesce(proacl, acldefault('f', proowner)) AS acl FROM pg_proc"
        "  WHERE pronamespace = 'broker'::regnamespace"
        " UNION ALL SELECT relname, coalesce(relacl, acldefault('r', relowner)) FROM pg_class"
        "  WHERE relnamespace = 'broker'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')"
        " UNION ALL SELECT nspname, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace"
        "  WHERE nspname = 'broker') objects, aclexplode(objects.acl) granted WHERE granted.grantee = 0"
    )
    assert granted.fetchall() == []


def test_only_the_owner_has_rights_on_tables_and_sequences(owner):
    granted = owner.execute(
        "SELECT relname, grantee::regrole FROM pg_class, aclexplode(relacl)"
        " WHERE relnamespace = 'broker'::regnamespace AND grantee <> relowner"
    )
    assert granted.fetchall() == []


def test_every_table_has_a_primary_key(owner):
    without_key = owner.execute(
        "SELECT relname FROM pg_class c WHERE relnamespace = 'broker'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p')"
    )
    assert without_key.fetchall() == []


def test_sql_writes_times_as_the_json_of_the_api_does(owner):
    assert owner.execute("SELECT broker.rfc3339('2026-01-02 03:04:05.6+01')").fetchone() == (
        "2026-01-02T02:04:05.600000Z",
    )


def test_an_id_is_a_time_followed_by_random_bits(owner):
    at = "2026-01-02 03:04:05.678Z"
    [first, other, later] = owner.execute(
        "SELECT uuidv7(ticks(%(at)s)), uuidv7(ticks(%(at)s)), uuidv7(ticks(%(at)s) + 1)", {"at": at}
    ).fetchone()
    assert first.int >> 80 == 1767323045678
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
    assert first.int >> 64 == other.int >> 64
    assert first != other
    assert max(first, other) < later
    [lowest] = owner.execute("SELECT first_uuid(%s)", [at]).fetchone()
    assert lowest.int == 1767323045678 << 80
