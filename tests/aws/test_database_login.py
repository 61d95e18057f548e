"""A login by IAM: at Amazon RDS, with a URL that has no password."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.auth
import botocore.credentials
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker import admission, connection, database, deadlines, settings
from broker.aws import database_login
from broker.database import Database
from broker.errors import DatabaseUnavailable
from broker.queue import messages
from broker.schema import migrations, payload
from tests.support.aurora import HOST, REGION, aurora
from tests.support.client import Context, app
from tests.support.runner import until

FUNCTIONS = "broker_functions_pgbroker"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "a/session+token="}
RDS = boto3.client("rds", region_name=REGION)  # slow to make
SETUP = payload.Payload(admin_token_hash="0" * 64, functions_password="p" * 32)


@pytest.fixture(scope="module")
def cluster():
    """A new Aurora, migrated by its administrator."""
    with aurora() as running, pytest.MonkeyPatch.context() as environment:
        _use(environment, running)
        running.migrated = migrations.migrate(SETUP)
        yield running
    _forget()


@pytest.fixture
def use(cluster, monkeypatch):
    """Let the environment name the cluster, and a function's credentials."""
    _use(monkeypatch, cluster)
    yield
    cluster.wake()
    cluster.refusals.clear()
    monkeypatch.undo()
    _forget()


def _use(environment, cluster):
    for name, value in {
        **KEYS,
        "DATABASE_URL": cluster.url(FUNCTIONS),
        "OWNER_DATABASE_URL": cluster.url("administrator"),
    }.items():
        environment.setenv(name, value)
    _forget()


def _forget():
    settings.current.cache_clear()
    database.functions.close()
    database.owner.close()
    deadlines.begin(float("inf"))


def publish():
    return messages.publish("orders", messages.publication(b'{"content": 1}'), "a producer", None).ids


@example(user="u", port=443, session=None, time=datetime(2026, 1, 1, tzinfo=UTC))
@given(
    user=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x24F), min_size=1, max_size=30),
    port=st.none() | st.integers(1, 65535),
    session=st.none() | st.text("abcXYZ019/+=", min_size=1, max_size=60),
    time=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_a_token_is_that_of_botocore(user, port, session, time):
    credentials = {**KEYS, "AWS_SESSION_TOKEN": session or ""}
    with mock.patch.dict("os.environ", credentials), mock.patch.object(database_login, "datetime") as clock:
        clock.now.return_value = time
        given_port = {} if port is None else {"port": str(port)}
        ours = database_login.token({"host": HOST, "user": user, **given_port})
    RDS._request_signer._credentials = botocore.credentials.Credentials("AKIA", "secret", session or None)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=time):
        assert ours == RDS.generate_db_auth_token(HOST, port or 5432, user)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"postgresql://u@{HOST}/d", True),
        ("postgresql://u@db.abc.rds.cn-north-1.amazonaws.com.cn/d", False),
        ("postgresql://u@db.abc.cn-north-1.rds.amazonaws.com.cn/d", True),
        ("postgresql://u@proxy.proxy-abc.us-gov-west-1.rds.amazonaws.com/d", True),
        (f"postgresql://u:p@{HOST}/d", False),
        (f"postgresql://{HOST}/d", False),
        ("postgresql://u@db.example.com/d", False),
        (f"postgresql://u@{HOST}.example.com/d", False),
    ],
)
def test_a_url_of_rds_with_a_user_and_no_password_logs_in_by_iam(url, expected):
    assert database_login.applies(connection.parse(url)) is expected


def test_migrate_makes_the_login_of_the_functions_one_by_iam(cluster):
    assert cluster.migrated.notes == []
    assert cluster.migrated.functions_url == cluster.url(FUNCTIONS)
    granted = f"SELECT pg_has_role('{FUNCTIONS}', 'rds_iam', 'MEMBER'), rolpassword FROM pg_authid"
    assert cluster.execute(f"{granted} WHERE rolname = '{FUNCTIONS}'") == [(True, None)]


def test_migrate_can_be_repeated(cluster, use):
    repeated = migrations.migrate(SETUP)
    assert (repeated.applied, repeated.notes) == ([], [])


def test_the_functions_log_in_and_publish(cluster, use):
    assert len(publish()) == 1
    assert cluster.tokens[-1].startswith(f"{HOST}:{cluster.port}/?Action=connect&DBUser={FUNCTIONS}&")


def test_each_connection_has_a_token_of_its_own(cluster, use):
    cluster.tokens.clear()
    publish()
    database.functions.close()
    publish()
    assert len(cluster.tokens) == 2
    for token in cluster.tokens:
        assert parse_qs(urlsplit(f"https://{token}").query)["X-Amz-Expires"] == ["900"]


def test_maintain_logs_in_as_the_administrator(cluster, use):
    cluster.tokens.clear()
    assert app("maintain").handler({}, Context())["lost"] == 0
    assert any("DBUser=administrator" in token for token in cluster.tokens)


def reason_of_a_refusal():
    with pytest.raises(DatabaseUnavailable) as refused:
        publish()
    return refused.value.reason


def test_a_token_that_is_not_accepted_says_what_to_change(cluster, use, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert "PAM authentication failed" in (reason := reason_of_a_refusal())
    assert "rds-db:connect" in reason
    assert "X-Amz-Signature" not in reason


def test_a_token_that_is_old_is_refused(cluster, use, monkeypatch):
    monkeypatch.setattr(database_login, "datetime", mock.Mock(now=lambda _: datetime(2026, 1, 1, tzinfo=UTC)))
    assert "PAM authentication failed" in reason_of_a_refusal()


def test_a_role_without_the_right_is_refused(cluster, use, monkeypatch):
    monkeypatch.setattr(cluster, "permits", lambda key, user: (key, user) != ("AKIA", FUNCTIONS))
    assert "rds-db:connect" in reason_of_a_refusal()


@pytest.mark.slow
def test_migrate_waits_until_iam_knows_its_new_role(cluster, use, monkeypatch):
    monkeypatch.setattr(admission, "PAUSE_SECONDS", 0)
    refusals = iter([False] * 3)
    monkeypatch.setattr(cluster, "permits", lambda _, user: user != "administrator" or next(refusals, True))
    assert migrations.migrate(SETUP).notes == []
    refusals = iter([False] * 3)
    monkeypatch.setattr(cluster, "permits", lambda _, user: user != FUNCTIONS or next(refusals, True))
    assert migrations.migrate(SETUP).notes == []


def test_migrate_does_not_wait_for_ever(cluster, use, monkeypatch):
    monkeypatch.setattr(admission, "SECONDS", 0)
    monkeypatch.setattr(cluster, "permits", lambda *_: False)
    with pytest.raises(DatabaseUnavailable, match="rds-db:connect"):
        migrations.migrate(SETUP)


def test_without_credentials_the_setting_that_lacks_is_named(cluster, use, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(settings.SettingMissing, match="AWS_ACCESS_KEY_ID"):
        publish()


def test_a_cluster_that_resumes_within_the_request_is_waited_for(cluster, use):
    cluster.sleep()
    with ThreadPoolExecutor(1) as thread:
        published = thread.submit(publish)
        assert cluster.held.wait(30)
        cluster.wake()
        assert len(published.result()) == 1


@pytest.mark.slow
def test_a_cluster_that_resumes_later_is_a_503_with_a_retry_after_and_the_request_after_succeeds(cluster, use):
    cluster.sleep()
    deadlines.begin(2)
    with pytest.raises(DatabaseUnavailable) as refused:
        publish()
    assert refused.value.headers == {"Retry-After": "15"}
    cluster.wake()
    deadlines.begin(60)
    assert len(publish()) == 1


def test_a_server_that_starts_is_asked_again(cluster, use):
    cluster.refusals += ["57P03 the database system is starting up"] * 2
    assert len(publish()) == 1
    assert cluster.refusals == []


@pytest.mark.slow
def test_a_server_that_starts_for_long_is_a_503(cluster, use):
    cluster.refusals += ["57P03 the database system is starting up"] * 10
    deadlines.begin(1)
    with pytest.raises(DatabaseUnavailable) as refused:
        publish()
    assert refused.value.headers == {"Retry-After": "15"}


def test_too_many_connections_are_a_503_at_once(cluster, use):
    cluster.refusals += ["53300 sorry, too many clients already"]
    with pytest.raises(DatabaseUnavailable) as refused:
        publish()
    assert refused.value.headers == {"Retry-After": "2"}


def test_a_connection_that_the_cluster_ended_when_it_slept_is_replaced(cluster, use):
    publish()
    cluster.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{FUNCTIONS}'")
    until(lambda: database.functions._session.has_ended)
    assert len(publish()) == 1


def test_a_url_of_another_database_opens_it_by_its_own_settings(cluster, use):
    with pytest.raises(DatabaseUnavailable, match="does not exist"):
        Database(lambda: cluster.url(FUNCTIONS).replace("/pgbroker?", "/another?")).value("SELECT 1")
