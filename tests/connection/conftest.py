"""Names that a test resolves, and a server with TLS."""

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.support import tls

Resolve = Callable[..., None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Give a host addresses, until the end of the test: `resolve("db.example.com", "127.0.0.1")`."""
    known: dict[str, tuple[str, ...]] = {}
    ask = socket.getaddrinfo

    def answer(host: str, port: int | str, *arguments: int, **options: int) -> list[object]:
        found = [ask(address, port, *arguments, **options) for address in known.get(host, (host,))]
        return [each for addresses in found for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return lambda host, *addresses: known.__setitem__(host, addresses)


@pytest.fixture(scope="package")
def tls_server() -> Iterator[tls.Server]:
    """A server that demands TLS."""
    if (programs := tls.programs()) is None:
        pytest.skip("no PostgreSQL with TLS in /usr/lib/postgresql; the embedded one has none")
    with tls.server(programs) as server:
        yield server
