"""A stand-in for a connection pooler: it reads the start-up message, and forwards the rest to PostgreSQL."""

import contextlib
import socket
import struct
import threading

from tests.support.stand_in import GSS_REQUEST, SSL_REQUEST, StandIn, parameters_of, read_start_up, refuse

REFUSAL = "08P01 unsupported startup parameter in options: statement_timeout"  # PgBouncer's

NEON = 'Received HTTP code 400 from control plane: {"error":"Neon only supports being given plaintext passwords"}'
# What lets the COMMIT of a transaction fail.
FAIL_LATER = f"""; CREATE TEMP TABLE refused () ON COMMIT DROP;
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE '%', '{NEON}' USING ERRCODE = 'XX000'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON refused DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse();
INSERT INTO refused DEFAULT VALUES\0"""


class Pooler(StandIn):
    """Forwards what it receives on `port`.

    With `wants_plaintext` it refuses a transaction that sends a verifier, at its COMMIT, as Neon does. With
    `translates` it replaces a text in what the server sends by another of its length.

    It refuses a start-up message that has the parameter `refuses`, with an SQLSTATE and a text. With a `tenant` it
    takes `name.tenant` for the login `name`, and no other, as Supabase's pooler does.
    """

    def __init__(
        self,
        server_port: int,
        *,
        host: str = "127.0.0.1",
        refuses: bytes | None = None,
        refusal: str = REFUSAL,
        tenant: str | None = None,
        wants_plaintext: bool = False,
        translates: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        self._server = ("127.0.0.1", server_port)
        self._refuses = refuses
        self._refusal = refusal
        self._tenant = tenant
        self._wants_plaintext = wants_plaintext
        self._translates = translates
        super().__init__(host)

    def serve(self, client: socket.socket) -> None:
        code, body = read_start_up(client)
        while code in {SSL_REQUEST, GSS_REQUEST}:
            client.sendall(b"N")
            code, body = read_start_up(client)
        parameters = parameters_of(body)
        if refusal := self._refuse(parameters):
            refuse(client, refusal)
            return
        with socket.create_connection(self._server) as server:
            sent = b"".join(each + b"\0" for pair in parameters.items() for each in pair) + b"\0"
            server.sendall(struct.pack("!ii", len(sent) + 8, code) + sent)
            threading.Thread(target=self._pump, args=(server, client, *self._translates), daemon=True).start()
            with contextlib.suppress(OSError, struct.error):
                if self._wants_plaintext:
                    self._refuse_verifiers(client, server)
            self._pump(client, server)

    def _refuse(self, parameters: dict[bytes, bytes]) -> str | None:
        if self._refuses in parameters:
            return self._refusal
        if self._tenant is not None:
            user, _, tenant = parameters[b"user"].partition(b".")
            if tenant != self._tenant.encode():
                return "XX000 Tenant or user not found"
            parameters[b"user"] = user
        return None

    @staticmethod
    def _refuse_verifiers(client: socket.socket, server: socket.socket) -> None:
        """Forward message by message. A statement with a verifier is forwarded with what lets its COMMIT fail."""
        while head := client.recv(5, socket.MSG_WAITALL):
            kind, length = struct.unpack("!ci", head)
            body = client.recv(length - 4, socket.MSG_WAITALL) if length > 4 else b""
            if b"PASSWORD 'SCRAM-SHA-256$" in body:
                body = body.rstrip(b"\0") + FAIL_LATER.encode()
            server.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, word: bytes = b"", translation: bytes = b"") -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk.replace(word, translation) if word else chunk)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
