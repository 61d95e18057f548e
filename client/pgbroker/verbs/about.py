"""The broker itself. These need no token."""

from pgbroker.request import Request, get, path, reader
from pgbroker.types import Contract, Health, Root


def root() -> Request[Root]:
    """Read the broker's name and version, and its links."""
    return get("/", reader(Root))


def health(*, database: bool = False) -> Request[Health]:
    """Check that the broker responds; with `database`, and a token with the scope `manage`, its database too."""
    return get(path("health", database=database or None), reader(Health))


def contract() -> Request[Contract]:
    """Read the broker's contract (OpenAPI 3.1)."""
    return get("/openapi.json", reader(Contract))
