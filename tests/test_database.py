"""The connection: kept, made again when it was idle or lost, and what goes wrong put into words."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import database, deadlines
from broker.errors import Conflict, DatabaseUnavailable, InvalidInput, NotFound
from tests.support.proxy import Proxy


class Row(msgspec.Struct):
    value: object


def ask(expression, **values):
    [row] = database.call(f"SELECT {expression} AS value", values, Row)
    return row.value


def session():
    """Which session of the server this process has."""
    return ask("pg_backend_pid()")


def test_one_connection_is_kept():
    assert session() == session()


def test_a_connection_that_was_idle_for_long_is_made_again():
    before = session()
    database.functions._used_at -= database.IDLE_SECONDS - 5
    assert session() == before
    database.functions._used_at -= database.IDLE_SECONDS + 1
    assert session() != before


def test_a_clock_that_went_back_makes_the_connection_again():
    before = session()
    database.functions._used_at += database.IDLE_SECONDS + 5
    assert session() != before


def test_a_session_that_the_server_ended_fails_no_call(owner):
    before = session()
    owner.execute("SELECT pg_terminate_backend(%s, 10000)", [before])
    assert session() != before


def test_a_connection_that_was_closed_is_made_again():
    before = session()
    database.functions.close()
    database.functions.close()
    assert session() != before


def test_each_call_commits_by_itself(owner):
    ask("broker.put_topic('orders', 'manual', 30, 10)")
    assert owner.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [session()]).fetchone() == ("idle",)


def test_a_session_has_its_limits():
    limits = ["statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "TimeZone"]
    assert [ask("current_setting(%(name)s)", name=name) for name in limits] == ["10s", "10s", "1min", "UTC"]


def test_values_come_back_as_types():
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    assert ask("%(at)s::timestamptz", at=at) == at
    assert ask("gen_random_uuid()").__class__ is UUID
    assert ask("""' { "a" : 1.0 }'::json""") == msgspec.Raw(b' { "a" : 1.0 }')
    assert ask("NULL::json") is None


def test_statements_that_are_used_again_are_prepared():
    for _ in range(3):
        ask("%(n)s::integer", n=1)
    assert ask("(SELECT count(*) FROM pg_prepared_statements)") >= 1


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/nowhere", "postgresql://no-such-host.invalid/broker"])
def test_a_database_that_cannot_be_reached_is_away(url):
    with pytest.raises(DatabaseUnavailable):
        database.Database(lambda: url).call("SELECT 1 AS value", {}, Row)


def test_ping_tells_whether_the_database_answers(monkeypatch):
    database.ping()
    database.functions.close()
    monkeypatch.setattr(database.functions, "_url", lambda: "postgresql://127.0.0.1:1/nowhere")
    with pytest.raises(DatabaseUnavailable):
        database.ping()


def test_connecting_waits_no_longer_than_the_request_may():
    deadlines.begin(0)
    assert session()


def test_a_server_that_falls_silent_is_away_when_the_time_is_up_and_is_found_again(database_url):
    there = conninfo_to_dict(database_url)
    with Proxy(int(there["port"])) as proxy:
        url = make_conninfo(**{**there, "port": proxy.port})
        far = database.Database(lambda: url)
        assert far.call("SELECT 1 AS value", {}, Row) == [Row(1)]
        proxy.fall_silent()
        deadlines.begin(1)
        with pytest.raises(DatabaseUnavailable):
            far.call("SELECT 2 AS value", {}, Row)
        proxy.work()
        assert far.call("SELECT 3 AS value", {}, Row) == [Row(3)]
        far.close()


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        ("BR400", InvalidInput),
        ("BR404", NotFound),
        ("BR409", Conflict),
        ("08006", DatabaseUnavailable),  # connection_failure
        ("53300", DatabaseUnavailable),  # too_many_connections
        ("55P03", DatabaseUnavailable),  # lock_not_available
        ("57014", DatabaseUnavailable),  # query_canceled, by the statement time-out
        ("57P01", DatabaseUnavailable),  # admin_shutdown
        ("40001", DatabaseUnavailable),  # serialization_failure
        ("40P01", DatabaseUnavailable),  # deadlock_detected
        ("23505", psycopg.errors.UniqueViolation),  # a fault of ours
    ],
)
def test_what_the_database_raises_is_worded(owner, raised, error):
    owner.execute(
        f"CREATE FUNCTION pg_temp.fails() RETURNS text LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'said' USING ERRCODE = '{raised}', HINT = 'hinted'; END $$"
    )
    with pytest.raises(error) as caught, database._translate_errors():
        owner.execute("SELECT pg_temp.fails()")
    if error in {InvalidInput, NotFound, Conflict}:
        assert caught.value.detail == "said; hinted"


def test_the_faults_that_a_verb_names_are_handed_on(owner):
    owner.execute(
        "CREATE FUNCTION pg_temp.fails() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'said'"
        """ USING ERRCODE = 'BR400', DETAIL = '[{"pointer": "/ack/0", "detail": "is odd"}]'; END $$"""
    )
    with pytest.raises(InvalidInput) as caught, database._translate_errors():
        owner.execute("SELECT pg_temp.fails()")
    [fault] = caught.value.faults
    assert (fault.pointer, fault.detail) == ("/ack/0", "is odd")


@pytest.mark.parametrize("json", ["{", '{"a": 1}x', "[1e]"])
def test_a_document_that_is_no_json_is_invalid_input(json):
    with pytest.raises(InvalidInput):
        ask("%(json)s::json", json=json)


def test_a_call_that_failed_leaves_the_connection_usable():
    before = session()
    with pytest.raises(InvalidInput):
        ask("'{'::json")
    assert session() == before
