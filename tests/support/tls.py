"""A PostgreSQL with TLS, which the embedded one lacks, and the authority that its certificate is verified by."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.postgres import embedded
from tests.support import folders

HOST = "db.example.com"  # of the certificate
HBA = "hostssl all all all scram-sha-256\n"


@dataclass(frozen=True)
class Server:
    url: str  # the superuser's, by 127.0.0.1
    authority: Path
    stranger: Path  # an authority that signed nothing of the server's


def programs() -> Path | None:
    """The folder of a PostgreSQL that was built with TLS, such as Debian's. None: there is none."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        built = subprocess.run([folder / "pg_config", "--configure"], capture_output=True, text=True, check=False)
        if "openssl" in built.stdout and (folder / "postgres").exists():
            return folder
    return None


@contextlib.contextmanager
def server(bin_folder: Path) -> Iterator[Server]:
    """Run a server whose certificate is for HOST. It refuses connections without TLS."""
    with folders.for_data("broker-tls-") as folder:
        with mock.patch.dict(os.environ, PG_BIN=str(bin_folder)):
            running = embedded.start(folder)
        with running:
            key, certificate, authority = _certify(HOST, "authority")
            data = folder / "data"
            for name, content in {"server.key": key, "server.crt": certificate, "pg_hba.conf": HBA.encode()}.items():
                (data / name).write_bytes(content)
                (data / name).chmod(0o600)
                os.chown(data / name, data.stat().st_uid, -1)
            with psycopg.connect(running.url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET ssl = on")
                connection.execute("SELECT pg_reload_conf()")
            (folder / "authority.pem").write_bytes(authority)
            (folder / "stranger.pem").write_bytes(_certify(HOST, "stranger")[2])
            yield Server(running.url, folder / "authority.pem", folder / "stranger.pem")


def _certify(host: str, by: str) -> tuple[bytes, bytes, bytes]:
    """Make a key, its certificate for a host, and that of the authority that signed it, each as PEM."""
    pem = serialization.Encoding.PEM
    key, authority = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    signed = _builder(host, by, key).add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    own = _builder(by, by, authority).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return (
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        signed.sign(authority, hashes.SHA256()).public_bytes(pem),
        own.sign(authority, hashes.SHA256()).public_bytes(pem),
    )


def _builder(name: str, by: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
    )
