"""One broker with its state for the whole run, one browser a worker, and a context of its own for each test."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, get_args
from uuid import uuid4

import pytest

try:
    from playwright.sync_api import Browser, Page, sync_playwright
except ImportError as error:
    raise pytest.UsageError("playwright is not installed: `make console-test` installs it") from error

from pgbroker import Broker
from pgbroker.types import Scope
from tests.console import chromium
from tests.console.seeded import Seeded, seed
from tests.console.visits import Visit
from tests.support import folders
from tests.support.runner import Running, started

OPTIONS = '{"environment": "staging", "environment_colour": "violet"}'
STATE = pytest.StashKey[dict[str, Any]]()


def pytest_configure(config: pytest.Config) -> None:
    if chromium.find() is None:
        names = ", ".join(chromium.NAMES)
        raise pytest.UsageError(f"no Chromium ({names}): apt-get install chromium-headless-shell fonts-dejavu-core")
    if hasattr(config, "workerinput"):
        config.stash[STATE] = config.workerinput["console"]
        return
    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    running = stack.enter_context(started(stack.enter_context(folders.for_data("broker-console-")), options=OPTIONS))
    broker = stack.enter_context(Broker(running.url, running.token))
    seeded = stack.enter_context(seed(broker))
    config.stash[STATE] = {"running": dataclasses.asdict(running), "seeded": dataclasses.asdict(seeded)}


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["console"] = node.config.stash[STATE]


@pytest.fixture(scope="session")
def database_url() -> str:
    """These tests have a broker with its own database instead."""
    return ""


@pytest.fixture
def _clean() -> None:
    """What they make has names of its own."""


@pytest.fixture(scope="session")
def make_run(pytestconfig: pytest.Config) -> Running:
    """The broker of `make run`."""
    return Running(**pytestconfig.stash[STATE]["running"])


@pytest.fixture(scope="session")
def seeded(pytestconfig: pytest.Config) -> Seeded:
    """What tests that only look may look at."""
    return Seeded(**pytestconfig.stash[STATE]["seeded"])


@pytest.fixture(scope="session")
def broker(make_run: Running) -> Iterator[Broker]:
    """A client of it, with the admin token."""
    with Broker(make_run.url, make_run.token) as broker:
        yield broker


@pytest.fixture(scope="session")
def full_token(broker: Broker, worker_id: str) -> str:
    """A token that may do everything."""
    return broker.mint_token(f"everything-{worker_id}", list(get_args(Scope))).token


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, make_run: Running) -> Iterator[Callable[..., Visit]]:
    """Open the console in contexts of their own: `visit(token, color_scheme="dark")`; each is checked at the end."""
    visits: list[Visit] = []

    def begin(token: str | None = make_run.console_token, **options: Any) -> Visit:
        visits.append(Visit(browser, make_run.url, token, **options))
        return visits[-1]

    yield begin
    try:
        for each in visits:
            each.check()
    finally:
        for each in visits:
            each.context.close()


@pytest.fixture
def console(visit: Callable[..., Visit]) -> Visit:
    """The console, signed in with the token of the link."""
    return visit()


@pytest.fixture
def page(console: Visit) -> Page:
    return console.page


@pytest.fixture
def topic() -> str:
    """The name of a topic that no other test uses."""
    return f"orders-{uuid4().hex[:12]}"


@pytest.fixture
def mint(broker: Broker) -> Callable[..., str]:
    """Mint tokens: `mint("browse", "manage", topics=["orders"])`."""

    def make(*scopes: Any, topics: list[str] | None = None, name: str | None = None) -> str:
        made = broker.mint_token(name or f"test-{uuid4().hex[:12]}", list(scopes), topics=topics)
        return made.token

    return make
