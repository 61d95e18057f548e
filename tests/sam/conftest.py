"""The functions in containers, started once for each test file. Without Docker the tests are skipped."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.terminal import CannotRun
from tests.sam import stack
from tests.sam.clients import Remote
from tests.support.client import ADMIN_TOKEN, TOKEN_KEY
from tests.support.endpoints import Endpoint


@pytest.fixture(scope="session")
def bridge() -> Iterator[stack.Bridge]:
    """Docker's bridge. At the end it checks that the tests left no container."""
    try:
        bridge = stack.find_bridge()
    except CannotRun as reason:
        pytest.skip(str(reason))
    before = _containers()
    yield bridge
    assert _containers() <= before


@pytest.fixture(scope="module")
def sam(bridge: stack.Bridge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Sam]:
    """`sam local` with its own database, whose schema its Migrate function has made."""
    with stack.broker(_folder(tmp_path_factory), ADMIN_TOKEN, TOKEN_KEY) as sam:
        yield sam


@pytest.fixture(scope="module")
def api(sam: stack.Sam, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """A client of `sam local start-api`, with the admin token."""
    with sam.api(tmp_path_factory.mktemp("api") / "log") as api:
        yield Remote(api.url)


@pytest.fixture
def webhooks(bridge: stack.Bridge) -> Iterator[tuple[Endpoint, Endpoint]]:
    """Two endpoints on this machine that containers can reach."""
    with Endpoint(host=bridge.address) as one, Endpoint(host=bridge.address) as other:
        yield one, other


def _folder(factory: pytest.TempPathFactory) -> Path:
    """A folder that PostgreSQL can reach although it may run as another user."""
    folder = factory.mktemp("postgres")
    for each in (folder, *folder.parents[:2]):
        each.chmod(each.stat().st_mode | 0o011)
    return folder


def _containers() -> set[str]:
    containers = subprocess.run(["docker", "ps", "--all", "--quiet"], capture_output=True, text=True, check=True)
    return set(containers.stdout.split())
