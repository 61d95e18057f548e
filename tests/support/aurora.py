"""A stand-in for an Aurora PostgreSQL whose logins are checked by IAM, and which sleeps.

It speaks PostgreSQL's protocol over TLS up to the login, checks the token as Amazon RDS does, and forwards the rest to
a PostgreSQL that trusts it.
"""

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import psycopg

from broker.aws import signing
from broker.settings import Credentials
from local.postgres import embedded
from tests.support import folders
from tests.support.endpoints import Authority
from tests.support.stand_in import GSS_REQUEST, SSL_REQUEST, StandIn, parameters_of, read, read_start_up, refuse

REGION = "us-east-1"
HOST = f"pgbroker.cluster-abc.{REGION}.rds.amazonaws.com"
DATABASE = "pgbroker"
TOKEN_AGE = timedelta(minutes=15)
HBA = "host all all 127.0.0.1/32 trust\n"
# what a new cluster of RDS has
CREATED = """
CREATE ROLE rds_iam NOLOGIN;
CREATE ROLE administrator LOGIN CREATEROLE CREATEDB;
GRANT rds_iam TO administrator WITH ADMIN OPTION;
"""


class Aurora(StandIn):
    """Listens on `port` of loopback. `permits` says whether IAM lets an access key's owner log in as a user."""

    def __init__(self, server: embedded.Server, authority: Authority) -> None:
        self._server = server
        self.authority = authority.certificates.with_name(f"{REGION}.pem")  # as the layer has it
        authority.certificates.rename(self.authority)
        self._tls = authority.context(HOST)
        self.permits: Callable[[str, str], bool] = lambda key, user: True
        self.secret = "secret"  # of each access key
        self.refusals: list[str] = []  # each given once, before any login: "57P03 the database system is starting up"
        self.tokens: list[str] = []
        self.held = threading.Event()  # a connection has begun while it sleeps
        self._awake = threading.Event()
        self._awake.set()
        super().__init__()

    def url(self, user: str) -> str:
        """The URL of a login by IAM."""
        return f"postgresql://{user}@{HOST}:{self.port}/{DATABASE}?hostaddr=127.0.0.1&sslrootcert={self.authority}"

    def sleep(self) -> None:
        """Hold each connection that begins, until it is awake."""
        self.held.clear()
        self._awake.clear()

    def wake(self) -> None:
        self._awake.set()

    def __exit__(self, *error: object) -> None:
        self.wake()
        super().__exit__(*error)

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement as the superuser that no customer of RDS is."""
        with psycopg.connect(self._server.url, dbname=DATABASE, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def serve(self, client: socket.socket) -> None:
        if not self._awake.is_set():
            self.held.set()
        self._awake.wait()
        code, _ = read_start_up(client)
        while code == GSS_REQUEST:
            client.sendall(b"N")
            code, _ = read_start_up(client)
        if code != SSL_REQUEST:
            return
        client.sendall(b"S")
        with self._tls.wrap_socket(client, server_side=True) as secured:
            self._log_in(secured)

    def _log_in(self, client: ssl.SSLSocket) -> None:
        code, body = read_start_up(client)
        user = parameters_of(body)[b"user"].decode()
        if self.refusals:
            refuse(client, self.refusals.pop(0))
            return
        client.sendall(b"R" + struct.pack("!ii", 8, 3))  # AuthenticationCleartextPassword
        _, length = struct.unpack("!ci", read(client, 5))
        token = read(client, length - 4).rstrip(b"\0").decode()
        self.tokens.append(token)
        if not self._accepts(token, user):
            refuse(client, f'28000 PAM authentication failed for user "{user}"')
            return
        with socket.create_connection(("127.0.0.1", self._server.port)) as server:
            server.sendall(struct.pack("!ii", len(body) + 8, code) + body)
            _forward(client, server)

    def _accepts(self, token: str, user: str) -> bool:
        """Whether a token was signed for this user and host by who may log in, and is not too old."""
        parts = urlsplit(f"https://{token}")
        query = {name: value for name, [value] in parse_qs(parts.query).items()}
        key = query["X-Amz-Credential"].split("/")[0]
        time = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
        expected = signing.presign(
            f"{HOST}:{self.port}",
            {"Action": "connect", "DBUser": user},
            credentials=Credentials(key, self.secret, query.get("X-Amz-Security-Token")),
            region=REGION,
            service="rds-db",
            time=time,
            seconds=900,
        )
        member = f"SELECT pg_has_role(oid, 'rds_iam', 'MEMBER') FROM pg_roles WHERE rolname = '{user}'"
        return (
            token == expected
            and datetime.now(UTC) - time < TOKEN_AGE
            and self.permits(key, user)
            and self.execute(member) == [(True,)]
        )


@contextlib.contextmanager
def aurora() -> Iterator[Aurora]:
    """Run a cluster as it is when it was made: with its database and its administrator."""
    with folders.for_data("broker-aurora-") as folder, embedded.start(folder) as server:
        authority = folder / "authority"
        authority.mkdir()
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(CREATED.encode())
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER administrator".encode())
            hba = folder / "data" / "pg_hba.conf"
            hba.write_text(HBA)
            connection.execute("SELECT pg_reload_conf()")
        with Aurora(server, Authority(authority)) as running:
            yield running


def _forward(client: ssl.SSLSocket, server: socket.socket) -> None:
    """Forward both ways until one of them ends. By one thread: TLS is no matter of two."""
    while True:
        ready = [client] if client.pending() else select.select([client, server], [], [])[0]
        for source, target in ((client, server), (server, client)):
            if source in ready:
                chunk = source.recv(64 * 1024)
                if not chunk:
                    return
                target.sendall(chunk)
