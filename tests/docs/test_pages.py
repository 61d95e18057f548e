"""What the README and the pages in docs/ show is what happens."""

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import ROOT, app, routes
from tests.support.runner import running

README = (ROOT / "README.md").read_text()
PRELUDE = """
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null' EXIT
curl() { command curl --silent --show-error --fail-with-body "$@"; echo; }
await() { until (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null; do sleep 0.05; done; }
"""


DASH = "\N{EN DASH}"  # of a public route


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[str]:
    with running(tmp_path) as url:
        yield url


@pytest.mark.slow
def test_each_line_of_the_readme_can_be_pasted(runner: str, tmp_path: Path) -> None:
    first, second = _free_ports(2)
    script = "\n".join(
        block + (f"await {first}; await {second}" if "receiver.py" in block else "") for block in blocks(README, "sh")
    )
    for shown, here in {
        "http://127.0.0.1:3000": runner,
        ".local/": f"{tmp_path}/",
        "/tmp/leased.json": f"{tmp_path}/leased.json",
        "7001": str(first),
        "7002": str(second),
    }.items():
        assert shown in script
        script = script.replace(shown, here)

    run = subprocess.run(["bash", "-c", PRELUDE + script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count('"hello, both"') == 2
    assert '"acked":1' in run.stdout
    assert '"messages":1,"subscriptions":2' in run.stdout


@pytest.mark.parametrize("page", ["README.md", "docs/sql.md"])
def test_each_piece_of_sql_can_be_pasted(page: str, owner: Any) -> None:
    pieces = blocks((ROOT / page).read_text(), "sql")
    assert pieces
    try:
        for piece in pieces:
            owner.execute(piece.encode())
    finally:
        owner.execute("DROP TABLE IF EXISTS orders, done")
    assert owner.execute("SELECT count(*) FROM messages").fetchone()[0] == 1


def test_the_readme_lists_every_route_with_its_scope() -> None:
    listed = re.findall(r"^\| `(\w+ [^`?]+)(?:\?[^`]*)?` \| (\S+) \|", README, re.MULTILINE)
    declared = {key: app(folder).app.routes[key][1] or DASH for key, folder in routes().items()}
    assert dict(listed) == declared
    assert len(listed) == len(declared)


def test_each_promise_names_tests_that_are_there() -> None:
    named = re.findall(r"tests/[\w/]+\.py", (ROOT / "docs" / "reliability.md").read_text())
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
