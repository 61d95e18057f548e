"""`python -m bench --against COMMIT ROW …`: measure this tree and another commit, in turns, each by its own bench."""

import contextlib
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.measure import Row, select, shown

ROOT = Path(__file__).parents[1]
SIDE = Path(__file__).with_name("side.py")
ROUNDS, QUICK_ROUNDS = 9, 3


class NotCompared(Exception):
    """A row cannot be compared; the message says why."""


def compare(rows: Sequence[Row], commit: str, wanted: Sequence[str], *, quick: bool) -> bool:
    """Print a line for each wanted row. Return whether all were compared."""
    with unpack(commit) as other:
        ours, theirs = {row.name: row for row in rows}, _read_units(other)
        names = select({**ours, **theirs}, wanted)
        print(f"| row | ours | {other.name} | ratio | of single rounds | |\n|---|---|---|---|---|---|", flush=True)
        compared = True
        for name in names:
            try:
                line = _compare(ours.get(name), theirs.get(name), other, quick=quick)
            except NotCompared as reason:
                line, compared = f"| **{name}**: not compared, {reason}. | | | | | |", False
            print(line, flush=True)
    return compared


def _compare(row: Row | None, unit: str | None, other: Path, *, quick: bool) -> str:
    """Return the line of a row, which the other tree measures in this unit."""
    if row is None or unit is None:
        raise NotCompared(f"only {'this tree' if row else other.name} has this row")
    if row.unit != unit:
        raise NotCompared(f"{other.name} measures it in {unit}, this tree in {row.unit}")
    figures = _take_turns(row, other, quick=quick)
    ours, theirs = (statistics.median(side) for side in zip(*figures, strict=True))
    ratios = [our / their for our, their in figures]
    return (
        f"| **{row.name}** | {shown(ours)} {row.unit} | {shown(theirs)} {row.unit} | {ours / theirs:.2f}"
        f" | {min(ratios):.2f} to {max(ratios):.2f} | {'higher' if row.goal.is_minimum else 'lower'} is better |"
    )


@contextlib.contextmanager
def unpack(commit: str) -> Iterator[Path]:
    """Unpack a commit of this repository into a temporary folder, and yield it. Its name is the commit's."""
    name = _git("rev-parse", "--short", "--verify", f"{commit}^{{commit}}").decode().strip()
    with (
        tempfile.TemporaryDirectory(prefix="broker-bench-", ignore_cleanup_errors=True) as folder,
        tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", name))) as files,
    ):
        files.extractall(Path(folder) / name, filter="data")
        yield Path(folder) / name


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit("git does not have this commit")
    return done.stdout


def _read_units(tree: Path) -> dict[str, str]:
    """Return the names of a tree's rows, each with its unit."""
    done = subprocess.run(_command(), cwd=tree, env=_environment(tree), stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"the bench of {tree.name} cannot be imported")
    units: dict[str, str] = json.loads(done.stdout)
    return units


def _take_turns(row: Row, other: Path, *, quick: bool) -> list[tuple[float, float]]:
    """Return the figures of all rounds, each ours and the other's."""
    rounds, figures = QUICK_ROUNDS if quick else ROUNDS, []
    arguments = (row.name, str(rounds), *(["quick"] if quick else []))
    with side(ROOT, *arguments) as ours, side(other, *arguments) as theirs:
        print(f"{row.name}: both sides prepare", file=sys.stderr, flush=True)
        for nth in range(1, rounds + 1):
            figures.append((ours(), theirs()))
            both = " and ".join(map(shown, figures[-1]))
            print(f"{row.name}, round {nth} of {rounds}: {both} {row.unit}", file=sys.stderr, flush=True)
    return figures


@contextlib.contextmanager
def side(tree: Path, *arguments: str) -> Iterator[Callable[[], float]]:
    """Start a side, and yield a call that measures one round, or raises NotCompared. The side is ended at the end."""
    with subprocess.Popen(
        # ends with this process, even if that is killed; Ctrl-C reaches it through this process only, and once
        [sys.executable, str(ROOT / "local" / "launch.py"), "none", str(os.getpid()), *_command(*arguments)],
        cwd=tree,
        env=_environment(tree),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:

        def measure() -> float:
            assert process.stdin
            assert process.stdout
            with contextlib.suppress(BrokenPipeError):
                print(file=process.stdin, flush=True)
            if not (answer := process.stdout.readline()):
                raise NotCompared(f"the side in {tree} has ended, see its error above")
            return float(answer)

        try:
            yield measure
        except BaseException:
            process.send_signal(signal.SIGINT)
            raise
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.communicate()


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", str(SIDE), *arguments]  # -P: the folder of side.py is not searched for modules


def _environment(tree: Path) -> dict[str, str]:
    """Return an environment in which a process imports this tree's bench and packages. Its server is its own."""
    inherited = {name: value for name, value in os.environ.items() if name != "BENCH_DATABASE_URL"}
    return inherited | {"PYTHONPATH": os.pathsep.join(map(str, (tree, tree / "layers" / "broker", tree / "client")))}
