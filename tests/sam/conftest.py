"""The functions in containers, once for each file of tests. Without Docker what needs it is skipped, and says why."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.terminal import CannotRun
from tests.sam import stack
from tests.sam.clients import Remote
from tests.support.client import ADMIN_TOKEN
from tests.support.endpoints import Endpoint


@pytest.fixture(scope="session")
def bridge() -> Iterator[stack.Bridge]:
    """Docker's bridge; at the end no container is left that was not there before."""
    try:
        found = stack.bridge()
    except CannotRun as reason:
        pytest.skip(str(reason))
    before = _containers()
    yield found
    assert _containers() <= before


@pytest.fixture(scope="module")
def sam(bridge: stack.Bridge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Sam]:
    """`sam local` on a database of its own, that its Migrate made."""
    with stack.broker(_folder(tmp_path_factory), ADMIN_TOKEN) as sam:
        yield sam


@pytest.fixture(scope="module")
def api(sam: stack.Sam, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """Requests to `sam local start-api`, with the admin token."""
    with sam.api(tmp_path_factory.mktemp("api") / "log") as api:
        yield Remote(api.url)


@pytest.fixture
def webhooks(bridge: stack.Bridge) -> Iterator[tuple[Endpoint, Endpoint]]:
    """Two endpoints of this machine that containers reach."""
    with Endpoint(host=bridge.address) as one, Endpoint(host=bridge.address) as other:
        yield one, other


def _folder(factory: pytest.TempPathFactory) -> Path:
    """A folder that PostgreSQL reaches, which may run as another user."""
    folder = factory.mktemp("postgres")
    for each in (folder, *folder.parents[:2]):
        each.chmod(each.stat().st_mode | 0o011)
    return folder


def _containers() -> set[str]:
    listed = subprocess.run(["docker", "ps", "--all", "--quiet"], capture_output=True, text=True, check=True)
    return set(listed.stdout.split())
