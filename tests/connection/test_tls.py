"""A server elsewhere must show a certificate of its name, unless the URL says otherwise."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from broker import authorities
from broker.connection import CannotConnect, open_session, verification
from scripts import certificates
from tests.connection.conftest import Resolve
from tests.support import tls
from tests.support.client import ROOT

ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


def trust(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Make these the authorities that the system trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def test_a_server_is_verified_by_the_authorities_of_the_system(
    tls_server: tls.Server, resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(tls.HOST, "127.0.0.1")
    url = make_conninfo(tls_server.url, host=tls.HOST)
    trust(monkeypatch, tls_server.authority)
    with open_session(url) as connection:
        assert connection.execute(ENCRYPTED).fetchone() == (True,)
    trust(monkeypatch, tls_server.stranger)
    with pytest.raises(CannotConnect, match=r"certificate verify failed.*add sslrootcert to the URL"):
        open_session(url)
    with open_session(make_conninfo(url, sslrootcert=str(tls_server.authority))) as connection:
        assert connection.execute(ENCRYPTED).fetchone() == (True,)


def test_a_url_may_say_that_nothing_is_verified(tls_server: tls.Server, resolve: Resolve) -> None:
    resolve("other.example.com", "127.0.0.1")
    with open_session(make_conninfo(tls_server.url, host="other.example.com", sslmode="require")) as connection:
        assert connection.execute(ENCRYPTED).fetchone() == (True,)


def test_a_certificate_of_another_name_is_refused(
    tls_server: tls.Server, resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve("other.example.com", "127.0.0.1")
    trust(monkeypatch, tls_server.authority)
    with pytest.raises(CannotConnect, match="does not match host name") as raised:
        open_session(make_conninfo(tls_server.url, host="other.example.com"))
    assert raised.value.mistake
    assert raised.value.mistake.name == "a certificate of another host"


def test_a_server_that_is_not_amazons_is_no_rds(
    tls_server: tls.Server, resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = "db.c1.eu-west-1.rds.amazonaws.com"
    resolve(host, "127.0.0.1")
    trust(monkeypatch, tls_server.authority)
    with pytest.raises(CannotConnect, match="certificate verify failed"):
        open_session(make_conninfo(tls_server.url, host=host))


@pytest.mark.parametrize(
    "given",
    [
        {"host": "127.0.0.1"},
        {"host": "localhost"},
        {"host": "::1"},
        {"host": "127.0.0.1,localhost"},
        {"hostaddr": "127.0.0.2"},
        {"host": "/var/run/postgresql"},
        {},
        {"host": "10.0.0.1", "sslmode": "disable"},
        {"host": "db.example.com", "sslmode": "prefer", "sslrootcert": "mine.pem"},
    ],
)
def test_a_server_on_this_machine_and_another_sslmode_are_left_as_they_are(given: dict[str, str]) -> None:
    assert verification(given) in ({}, {"sslmode": given.get("sslmode")})


@pytest.mark.parametrize(
    "given",
    [
        {"host": "db.example.com"},
        {"host": "10.0.0.1"},
        {"hostaddr": "192.0.2.1"},
        {"host": "localhost,db.example.com"},
        {"host": "db.example.com", "hostaddr": "127.0.0.1"},
        {"host": "db.example.com", "sslmode": "verify-full"},
        {"host": "db.example.com", "sslmode": "verify-full", "sslrootcert": "system"},
    ],
)
def test_another_server_is_verified(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch, ROOT / "LICENSE")
    assert verification(given) == {"sslmode": "verify-full", "sslrootcert": str(ROOT / "LICENSE")}


def test_the_file_of_the_url_is_used() -> None:
    given = {"host": "db.example.com", "sslrootcert": "mine.pem"}
    assert verification(given) == {"sslmode": "verify-full"}


@pytest.mark.parametrize(
    ("host", "file"),
    [
        ("db.c1.eu-west-1.rds.amazonaws.com", "eu-west-1"),
        ("DB.cluster-c1.US-East-2.rds.amazonaws.com", "us-east-2"),
        ("db.proxy-c1.eu-west-1.rds.amazonaws.com", "proxy"),
        ("mine.endpoint.proxy-c1.eu-west-1.rds.amazonaws.com", "proxy"),
    ],
)
def test_rds_has_authorities_of_its_own(host: str, file: str) -> None:
    assert authorities.for_database(host) == certificates.FOLDER / f"{file}.pem"


@pytest.mark.parametrize("host", ["db.example.com", "db.c1.xx-nowhere-1.rds.amazonaws.com", "eu-west-1.example.com"])
def test_another_host_has_those_of_the_system(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch, ROOT / "LICENSE")
    assert authorities.for_database(host) == ROOT / "LICENSE"


def test_every_authority_of_rds_can_be_read_and_is_valid() -> None:
    files = sorted(certificates.FOLDER.glob("*.pem"))
    assert len(files) > 25
    for file in files:
        found = certificates.read(file.read_text())
        assert len(found) == file.read_text().count("BEGIN CERTIFICATE") >= 3, file.name
        assert all(each.ends_at > datetime.now(UTC) for each in found), file.name
        assert file.stem == "proxy" or {each.name.partition(" Root CA ")[0] for each in found} == {
            f"Amazon RDS {file.stem}"
        }


def test_the_authorities_of_rds_are_those_that_the_makefile_pins() -> None:
    pinned = re.search(r"^RDS_CERTIFICATES_SHA256 = (\w{64})$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned
    assert certificates.checksum() == pinned[1]
