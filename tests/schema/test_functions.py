"""The schema: one function a verb, with its owner's rights on a search path of its own, and nothing for everybody."""

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


def test_every_verb_runs_as_its_owner_and_helpers_do_not(functions):
    assert {name for name, as_owner, _ in functions if not as_owner} == HELPERS


def test_what_runs_as_its_owner_has_a_search_path_of_its_own(functions):
    assert {
        name for name, as_owner, config in functions if as_owner and "search_path=broker, pg_temp" not in config
    } == set()


def test_no_verb_that_writes_waits_long_for_a_lock(owner):
    patient = owner.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'broker'::regnamespace AND prosecdef AND provolatile = 'v'"
        " AND NOT coalesce(proconfig, '{}') @> '{lock_timeout=5s}'"
    )
    assert patient.fetchall() == [("publish",)]  # which only calls publish_batch


def test_nothing_is_for_everybody(owner):
    given = owner.execute(
        "SELECT objects.name FROM ("
        " SELECT proname AS name, coalesce(proacl, acldefault('f', proowner)) AS acl FROM pg_proc"
        "  WHERE pronamespace = 'broker'::regnamespace"
        " UNION ALL SELECT relname, coalesce(relacl, acldefault('r', relowner)) FROM pg_class"
        "  WHERE relnamespace = 'broker'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')"
        " UNION ALL SELECT nspname, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace"
        "  WHERE nspname = 'broker') objects, aclexplode(objects.acl) given WHERE given.grantee = 0"
    )
    assert given.fetchall() == []


def test_every_table_has_a_primary_key(owner):
    without = owner.execute(
        "SELECT relname FROM pg_class c WHERE relnamespace = 'broker'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p')"
    )
    assert without.fetchall() == []


def test_a_time_is_written_as_json_writes_it(owner):
    assert owner.execute("SELECT broker.rfc3339('2026-01-02 03:04:05.6+01')").fetchone() == (
        "2026-01-02T02:04:05.600000Z",
    )


def test_an_id_is_the_time_and_then_chance(owner):
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
