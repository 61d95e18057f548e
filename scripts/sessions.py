"""`python -m scripts.sessions` plays the terminal sessions of docs/how-to/use-the-terminal.md, and writes their output.

A block ```console of the page has lines with `$ ` and what each printed. The lines are run in one shell, on a terminal,
against a broker of their own. What differs from run to run (ids, times, tokens, ports) is replaced, so
that a test can compare.
"""

import os
import pty
import re
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from pathlib import Path

from pgbroker import Broker
from pgbroker.testing import running
from scripts.contract import ROOT

PAGE = ROOT / "docs" / "how-to" / "use-the-terminal.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
MARK = "\x1e"  # before what a line prints
COLUMNS = 118
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # of colours
PRELUDE = """
shown() { until grep -q "$1" "$2" 2>/dev/null; do sleep 0.05; done; }
python() { command "$PYTHON" "$@"; }
pgbroker() { python -m pgbroker "$@"; }
"""
IDS = re.compile(r"\b0[0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")
REPLACED = (
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d"), "2026-11-24 09:30:02"),
    (re.compile(r"\b\d+ s ago"), "2 s ago"),
    (re.compile(r"\bin \d+ s\b"), "in 28 s"),
    (re.compile(r"whsec_[A-Za-z0-9+/=]{44}"), "whsec_ZXhhbXBsZSBleGFtcGxlIGV4YW1wbGUgZXhhbXBsZSE="),
    (re.compile(r"brk_[\w-]{50}"), "brk_example-example-example-example-example-exap3WRM-i"),
    (re.compile(r"(?<=seconds   )\d+\.\d+"), "0.012"),
)


def played(page: str) -> str:
    """Return the page with what its sessions print now."""
    lines = [line for block in BLOCK.findall(page) for line in _commands(block)]
    printed = iter(_play(lines))

    def block(match: re.Match[str]) -> str:
        answers = [f"$ {line}\n{next(printed)}" for line in _commands(match[1])]
        return f"```console\n{''.join(answers)}```"

    return BLOCK.sub(block, page)


def _commands(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def _play(lines: list[str]) -> Iterator[str]:
    """Yield what each line prints."""
    script = PRELUDE + "".join(f"printf '{MARK}'\n{line}\n" for line in lines)
    with tempfile.TemporaryDirectory(prefix="pgbroker-sessions-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL may run as another user
        with running(ROOT, Path(folder) / "data") as (url, token):
            with Broker(url, token) as broker:
                for listed in broker.list_tokens().items:
                    if listed.name.startswith("console-"):  # its name has the time
                        broker.revoke_token(listed.id)
            text = _in_terminal(script, Path(folder), BROKER=url, TOKEN=token)
    text = CODES.sub("", text)
    ids: dict[str, str] = {}
    for pattern, replacement in REPLACED:
        text = pattern.sub(replacement, text)
    text = IDS.sub(lambda match: ids.setdefault(match[0], _example_id(len(ids))), text)
    for printed in text.split(MARK)[1:]:
        yield "".join(f"{line.rstrip()}\n" for line in printed.replace("\r", "").splitlines())


def _example_id(number: int) -> str:
    return f"01a20ce4-07b0-7303-aece-{number + 1:012x}"


def _in_terminal(script: str, folder: Path, **variables: str) -> str:
    """Run a script on a terminal, and return what it prints."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PG_BIN") if name in os.environ},
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT / "client"),
        "HOME": str(folder),
        "TZ": "UTC",
        "TERM": "xterm",
        **variables,
    }
    mine, its = pty.openpty()
    termios.tcsetwinsize(its, (40, COLUMNS))
    with subprocess.Popen(  # noqa: S603  the lines of a page of this repository
        ["/bin/bash", "-c", script], cwd=folder, env=environment, stdin=its, stdout=its, stderr=its
    ) as process:
        os.close(its)
        printed = bytearray()
        while chunk := _read(mine):
            printed += chunk
    os.close(mine)
    if process.returncode:
        raise SystemExit(printed.decode())
    return printed.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end is closed
        return b""


if __name__ == "__main__":
    PAGE.write_text(played(PAGE.read_text()))
