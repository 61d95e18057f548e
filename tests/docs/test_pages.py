"""The README and the pages of docs/ are true: their lines run, their tables equal the code, no link is dead."""

import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from broker import errors
from tests.support.client import ROOT, app, routes
from tests.support.runner import running

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "client/README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
README = (ROOT / "README.md").read_text()
PRELUDE = """
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
# a response and the end of its line in one write: a receiver may print at any moment
curl() { local body; body=$(command curl --silent --show-error --fail-with-body "$@") || return; echo "$body"; }
await() { until (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null; do sleep 0.05; done; }
"""


DASH = "\N{EN DASH}"  # of a public route


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[str]:
    with running(tmp_path) as url:
        yield url


def paste(
    page: str, runner: str, folder: Path, *, ports: Sequence[str], awaited: str | None = None, times: int = 0
) -> str:
    """Run the shell lines of a page in one shell; return what they printed. The ports shown become free ones.

    The shell, and the receivers with it, ends when lines with a pattern (ERE) were printed `times` times.
    """
    free = dict(zip(ports, _free_ports(len(ports)), strict=True))
    lines = []
    for block in blocks((ROOT / page).read_text(), "sh"):
        lines.append(block)
        lines += [f"await {port}\n" for port in ports if f"receiver.py {port}" in block]
    script = "".join(lines)
    shown = {"http://127.0.0.1:3000": runner, ".local/": f"{folder}/", "/tmp/": f"{folder}/", **free}
    assert [text for text in shown if text not in script] == []
    script = re.sub("|".join(map(re.escape, shown)), lambda match: shown[match[0]], script)
    output = folder / "printed"
    if awaited:
        script += f"until [ $(grep -cE {quote(awaited)} {quote(str(output))}) -ge {times} ]; do sleep 0.05; done\n"
    with output.open("w") as file:
        run = subprocess.run(
            ["bash", "-c", PRELUDE + script],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    printed = output.read_text()
    assert run.returncode == 0, printed + run.stderr
    return printed


@pytest.mark.slow
def test_each_line_of_the_readme_can_be_pasted(runner: str, tmp_path: Path) -> None:
    printed = paste("README.md", runner, tmp_path, ports=["7001", "7002"], awaited='"hello, both"', times=2)
    assert printed.count('"hello, both"') == 2
    assert '"acked":1' in printed
    assert '"messages":1,"subscriptions":2' in printed
    assert '{"parcel": 7}\n' in printed


@pytest.mark.slow
def test_each_line_of_the_everyday_requests_can_be_pasted(runner: str, tmp_path: Path) -> None:
    printed = paste("docs/how-to/everyday-requests.md", runner, tmp_path, ports=["7001"])
    assert '"rejected":1' in printed
    assert '"matched":0,"redriven":0' in printed
    assert '"matched":1,"redriven":1' in printed
    assert '"state":"paused"' in printed
    assert '"token":"brk_' in printed


@pytest.mark.slow
def test_the_tutorial_goes_as_it_says(runner: str, tmp_path: Path) -> None:
    printed = paste(
        "docs/tutorial.md", runner, tmp_path, ports=["7001", "7002"], awaited='^[0-9]+ [^ ]{36} [{]"order": ', times=4
    )
    assert '"acked":1' in printed
    assert '"released":1' in printed
    assert '"messages":2,"subscriptions":1' in printed
    received = re.findall(r'^\d+ \S{36} {"order": (\d)}$', printed, re.MULTILINE)
    assert sorted(received) == ["2", "3", "4", "4"]  # billing gets all three, shipping gets order 4 in the end
    assert '"matched":1,"redriven":1' in printed
    assert printed.rindex('"state":"delivered"') > printed.rindex('"state":"dead"')


@pytest.fixture
def my_app(owner: Any) -> Iterator[str]:
    """The name of a program's role, which may create tables; it has no rights in the broker."""
    role = f"my_app_{owner.info.dbname}"  # the workers share the server
    owner.execute(f"CREATE ROLE {role}; GRANT CREATE ON SCHEMA public TO {role}")
    yield role
    owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize("page", ["README.md", "docs/reference/sql.md", "docs/how-to/publish-in-your-transaction.md"])
def test_each_piece_of_sql_can_be_pasted(page: str, owner: Any, my_app: str) -> None:
    """The administrator grants; the program does the rest with what it was granted."""
    shown = re.sub(r"(broker_[a-z]+_)broker\b", rf"\1{owner.info.dbname}", (ROOT / page).read_text())
    pieces = blocks(shown.replace("my_app", my_app), "sql")
    assert pieces
    owner.execute("SET search_path = public")
    try:
        for piece in pieces:
            owner.execute(piece.encode())
            if piece.startswith("GRANT"):
                owner.execute(f"SET SESSION AUTHORIZATION {my_app}")
    finally:
        owner.execute("ROLLBACK; RESET SESSION AUTHORIZATION; DROP TABLE IF EXISTS orders, done")
    assert owner.execute("SELECT count(*) FROM broker.messages").fetchone()[0] == 1


def test_the_api_page_lists_every_route_with_its_scope() -> None:
    page = (DOCS / "reference/api.md").read_text()
    listed = re.findall(r"^\| `(\w+ [^`?]+)(?:\?[^`]*)?` \| ([^|]+) \|", page, re.MULTILINE)
    declared = {
        key: DASH if folder == "console" else " or ".join(app(folder).app.routes[key][1]) or DASH
        for key, folder in routes().items()
    }
    assert dict(listed) == declared
    assert len(listed) == len(declared)


def test_the_problems_page_lists_every_problem_with_its_status() -> None:
    listed = re.findall(r"^\| `(urn:\S+)` \| (\d+) \|", (DOCS / "reference/problems.md").read_text(), re.MULTILINE)
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BrokerError)]
    declared = {kind.type(): str(int(kind.status)) for kind in kinds if kind is not errors.BrokerError}
    assert dict(listed) == declared
    assert len(listed) == len(declared)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_names_only_tests_that_exist(page: Path) -> None:
    named = re.findall(r"tests/[\w/]+\.py", page.read_text())
    assert [test for test in named if not (ROOT / test).exists()] == []


@pytest.mark.parametrize(
    "page", ["explanation/reliability.md", "explanation/security.md", "reference/delivery-rules.md"]
)
def test_each_promise_names_its_tests(page: str) -> None:
    assert len(re.findall(r"tests/[\w/]+\.py", (DOCS / page).read_text())) > 5


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_has_no_dead_link(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings of a page."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = [
        re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", each) for each in re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    ]
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_link_leads_to_a_heading(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", page.read_text())
    assert [
        (link, anchor) for link, anchor in links if anchor not in anchors((page.parent / link) if link else page)
    ] == []


def test_every_page_is_on_the_map() -> None:
    linked = {(DOCS / link).resolve() for link in re.findall(r"\]\(([^)#]+\.md)\)", (DOCS / "README.md").read_text())}
    assert linked == set(DOCS.rglob("*.md")) - {DOCS / "README.md"}


def _free_ports(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
