"""The connection to the database: reused, replaced when it was idle or lost, and its errors translated."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import database, deadlines, settings
from broker.errors import Conflict, DatabaseUnavailable, InvalidInput, NotFound
from broker.session import Session
from tests.support.proxy import Proxy


class Row(msgspec.Struct):
    value: object


def query_value(expression, **values):
    return database.value(f"SELECT {expression}", values)


def session_pid():
    """The process id of this connection's session on the server."""
    return query_value("pg_backend_pid()")


def test_calls_share_one_connection():
    assert session_pid() == session_pid()


def test_a_connection_that_was_idle_too_long_is_replaced():
    before = session_pid()
    database.functions._used_at -= database.IDLE_SECONDS - 5
    assert session_pid() == before
    database.functions._used_at -= database.IDLE_SECONDS + 1
    assert session_pid() != before


def test_the_connection_is_replaced_when_the_clock_went_back():
    before = session_pid()
    database.functions._used_at += database.IDLE_SECONDS + 5
    assert session_pid() != before


def test_a_call_succeeds_after_the_server_ended_the_session(owner):
    before = session_pid()
    owner.execute("SELECT pg_terminate_backend(%s, 10000)", [before])
    assert session_pid() != before


def test_a_closed_connection_is_replaced():
    before = session_pid()
    database.functions.close()
    database.functions.close()
    assert session_pid() != before


def test_each_call_commits_by_itself(owner):
    query_value("broker.put_topic('orders', 'manual', 30, 10)")
    assert owner.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [session_pid()]).fetchone() == ("idle",)


def test_a_session_has_time_limits_and_the_zone_utc():
    names = ["statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "TimeZone"]
    assert [query_value("current_setting(%(name)s)", name=name) for name in names] == ["10s", "10s", "1min", "UTC"]


def test_values_are_returned_as_python_types():
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    assert query_value("%(at)s::timestamptz", at=at) == at
    assert query_value("gen_random_uuid()").__class__ is UUID
    assert query_value("""' { "a" : 1.0 }'::json""") == msgspec.Raw(b' { "a" : 1.0 }')
    assert query_value("NULL::json") is None


def test_a_call_makes_each_row_from_its_columns_by_name():
    assert database.call("SELECT n AS value FROM generate_series(1, 2) n", {}, Row) == [Row(1), Row(2)]


def test_a_value_is_the_only_column_of_the_only_row():
    assert database.value("SELECT %(n)s::integer + 1", {"n": 1}) == 2
    assert database.value("SELECT ARRAY['a', 'b']") == ["a", "b"]
    assert database.value("SELECT NULL::timestamptz") is None


def test_the_value_of_a_verb_that_returns_nothing_is_empty(owner):
    owner.execute("SELECT FROM broker.put_topic('orders', 'manual', 30, 10)")
    assert database.value("SELECT broker.delete_topic('orders', false)") == ""


@pytest.fixture
def read_only(owner):
    """Make each new session of the database read-only, as on a replica, until `read_only()` is called."""
    name = owner.info.dbname
    database.functions.close()
    database.owner.close()
    owner.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")

    def end():
        owner.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")

    yield end
    end()
    database.functions.close()
    database.owner.close()


@pytest.mark.parametrize("change", ["call", "run", "transaction"])
def test_a_session_that_is_read_only_is_unavailable_and_is_replaced(read_only, change):
    def write():
        statement = "CREATE TEMPORARY SEQUENCE written"
        if change == "run":
            database.owner.run(statement)
        elif change == "transaction":
            with database.owner.transaction() as connection:
                connection.execute(statement)
        else:
            database.owner.value("SELECT broker.put_topic('orders', 'manual', 30, 10)")

    before = database.owner.value("SELECT pg_backend_pid()")
    with pytest.raises(DatabaseUnavailable) as raised:
        write()
    read_only()
    write()

    assert raised.value.outcome_unknown is False
    assert database.owner.value("SELECT pg_backend_pid()") != before


def test_a_url_with_several_hosts_leads_to_the_one_that_can_be_written_to(read_only, database_url):
    port = conninfo_to_dict(database_url)["port"]
    url = make_conninfo(database_url, host="127.0.0.1,127.0.0.1", port=f"1,{port}", target_session_attrs="read-write")
    several = database.Database(lambda: url)
    with pytest.raises(DatabaseUnavailable):
        several.value("SELECT 1")
    read_only()
    assert several.value("SELECT 1") == 1
    several.close()


@pytest.mark.parametrize("rows", [0, 2])
def test_a_value_has_exactly_one_row(rows):
    with pytest.raises(ValueError, match="values to unpack"):
        database.value("SELECT n FROM generate_series(1, %(rows)s) n", {"rows": rows})


def test_a_value_raises_what_a_call_raises():
    with pytest.raises(NotFound):
        database.value("SELECT broker.change_topic('unknown', '{}')")


def test_parameters_of_all_types_that_the_broker_has_reach_the_server():
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    values = {
        "at": at,
        "id": UUID(int=7),
        "hash": b"\\x00\xff\0",
        "names": ["a", 'b"{,}\\'],
        "flag": True,
        "none": None,
        "n": 2**40,
    }
    row = database.call(
        "SELECT %(at)s::timestamptz AS at, %(id)s::uuid AS id, %(hash)s::bytea AS hash, %(names)s::text[] AS names,"
        " %(flag)s::boolean AS flag, %(none)s::text AS none, %(n)s::bigint AS n, %(n)s::bigint + 1 AS more",
        values,
        dict,
    )
    assert row == [values | {"more": 2**40 + 1}]


def test_a_statement_is_prepared_at_its_second_call_and_used_after_an_error():
    statement = "SELECT 1 / %(n)s::integer"
    count = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT 1 /%'"
    assert database.value(statement, {"n": 1}) == 1
    assert database.value(count) == 0
    for _ in range(2):
        with pytest.raises(psycopg.errors.DivisionByZero):
            database.value(statement, {"n": 0})
    assert database.value(statement, {"n": 1}) == 1
    assert database.value(count) == 1


def test_a_statement_whose_function_was_changed_fails_once_and_then_works(owner):
    statement = "SELECT broker.outdated()"
    owner.execute("CREATE FUNCTION outdated() RETURNS integer LANGUAGE sql RETURN 1")
    try:
        for _ in range(3):
            assert database.owner.value(statement) == 1
        owner.execute("DROP FUNCTION outdated; CREATE FUNCTION outdated() RETURNS boolean LANGUAGE sql RETURN true")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            database.owner.value(statement)
        assert database.owner.value(statement) is True
    finally:
        owner.execute("DROP FUNCTION outdated")


def test_nothing_is_prepared_through_a_proxy(monkeypatch):
    monkeypatch.setenv("OPTIONS", '{"database_proxy": true}')
    settings.current.cache_clear()
    database.functions.close()
    try:
        for _ in range(3):
            query_value("%(n)s::integer", n=1)
        assert query_value("(SELECT count(*) FROM pg_prepared_statements)") == 0
    finally:
        monkeypatch.undo()
        settings.current.cache_clear()
        database.functions.close()


def test_a_statement_of_megabytes_is_sent_and_read():
    content = "x" * 8_000_000
    assert query_value("%(content)s::text", content=content) == content


def test_a_session_that_was_interrupted_in_a_call_is_not_used_again(monkeypatch):
    before = session_pid()

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            query_value("pg_sleep(0.1)::text")
    assert session_pid() != before


def test_repeated_statements_are_prepared():
    for _ in range(3):
        query_value("%(n)s::integer", n=1)
    assert query_value("(SELECT count(*) FROM pg_prepared_statements)") >= 1


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/nowhere", "postgresql://no-such-host.invalid/broker"])
def test_an_unreachable_database_is_unavailable(url):
    with pytest.raises(DatabaseUnavailable):
        database.Database(lambda: url).call("SELECT 1 AS value", {}, Row)


def test_ping_fails_when_the_database_is_unreachable(monkeypatch):
    database.ping()
    database.functions.close()
    monkeypatch.setattr(database.functions, "_url", lambda: "postgresql://127.0.0.1:1/nowhere")
    with pytest.raises(DatabaseUnavailable):
        database.ping()


def test_a_call_gets_at_least_a_second():
    deadlines.begin(0)
    assert session_pid()


def test_a_silent_server_is_unavailable_at_the_deadline_and_can_be_used_again(database_url):
    direct = conninfo_to_dict(database_url)
    with Proxy(int(direct["port"])) as proxy:
        url = make_conninfo(**{**direct, "port": proxy.port})
        through_proxy = database.Database(lambda: url)
        assert through_proxy.call("SELECT 1 AS value", {}, Row) == [Row(1)]
        proxy.fall_silent()
        deadlines.begin(1)
        with pytest.raises(DatabaseUnavailable):
            through_proxy.call("SELECT 2 AS value", {}, Row)
        proxy.work()
        assert through_proxy.call("SELECT 3 AS value", {}, Row) == [Row(3)]
        through_proxy.close()


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        ("MB400", InvalidInput),
        ("MB404", NotFound),
        ("MB409", Conflict),
        ("08006", DatabaseUnavailable),  # connection_failure
        ("53300", DatabaseUnavailable),  # too_many_connections
        ("55000", DatabaseUnavailable),  # object_not_in_prerequisite_state: another DETACH is pending
        ("55P03", DatabaseUnavailable),  # lock_not_available
        ("57014", DatabaseUnavailable),  # query_canceled, by the statement time-out
        ("57P01", DatabaseUnavailable),  # admin_shutdown
        ("40001", DatabaseUnavailable),  # serialization_failure
        ("40P01", DatabaseUnavailable),  # deadlock_detected
        ("23505", psycopg.errors.UniqueViolation),  # a defect of the broker
    ],
)
def test_an_error_of_the_database_is_translated(owner, raised, error):
    owner.execute(
        f"CREATE FUNCTION pg_temp.fails() RETURNS text LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'a message' USING ERRCODE = '{raised}', HINT = 'a hint'; END $$"
    )
    with pytest.raises(error) as caught, database.functions._translate_errors():
        owner.execute("SELECT pg_temp.fails()")
    if error in {InvalidInput, NotFound, Conflict}:
        assert caught.value.detail == "a message; a hint"


def test_the_faults_that_a_verb_names_are_in_the_error(owner):
    owner.execute(
        "CREATE FUNCTION pg_temp.fails() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a message'"
        """ USING ERRCODE = 'MB400', DETAIL = '[{"pointer": "/ack/0", "detail": "is odd"}]'; END $$"""
    )
    with pytest.raises(InvalidInput) as caught, database.functions._translate_errors():
        owner.execute("SELECT pg_temp.fails()")
    [fault] = caught.value.faults
    assert (fault.pointer, fault.detail) == ("/ack/0", "is odd")


@pytest.mark.parametrize("document", ["{", '{"a": 1}x', "[1e]"])
def test_invalid_json_is_invalid_input(document):
    with pytest.raises(InvalidInput):
        query_value("%(document)s::json", document=document)


def test_a_failed_call_leaves_the_connection_usable():
    before = session_pid()
    with pytest.raises(InvalidInput):
        query_value("'{'::json")
    assert session_pid() == before
