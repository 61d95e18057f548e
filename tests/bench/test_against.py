"""`python -m bench --against` measures two trees in turns, each by its own bench."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import against
from bench.measure import Bench, Figures, Row, at_least, at_most
from tests.support.client import ROOT

pytestmark = pytest.mark.slow

SERVERS = """
import contextlib
from pathlib import Path

Server = object

@contextlib.contextmanager
def server():
    try:
        yield "a server"
    finally:
        Path("stopped").touch()
"""
ROWS = """
from functools import cache
from itertools import count
from bench.measure import Figures, Row, alternate, at_least

numbers = count(1)

def counted(bench):
    print("not a figure")
    return alternate(lambda: next(numbers), lambda: 1 / 0, 6)

@cache
def remembered(bench):
    return Figures(next(numbers), 100)

def broken(bench):
    raise ValueError("no luck")

ROWS = [Row(measure.__name__, measure, "times", at_least(1)) for measure in (counted, remembered, broken)]
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with a bench whose rows need no server."""
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "__init__.py").touch()
    (tmp_path / "bench" / "servers.py").write_text(SERVERS)
    (tmp_path / "bench" / "__main__.py").write_text(ROWS)
    shutil.copy(ROOT / "bench" / "measure.py", tmp_path / "bench")
    return tmp_path


def test_a_side_measures_ours_alone_and_shares_the_rounds_of_a_row_among_its_turns(tree: Path) -> None:
    with against.side(tree, "counted", "2") as measure:
        assert [measure(), measure()] == [3, 6]  # the first warms up; medians of 2, 3, 4 and of 5, 6, 7


def test_a_row_without_turns_of_its_own_is_measured_anew_each_time(tree: Path) -> None:
    with against.side(tree, "remembered", "2") as measure:
        assert [measure(), measure()] == [1, 2]


def test_a_side_that_fails_shows_why(tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(against.NotCompared), against.side(tree, "broken", "2") as measure:
        measure()
    assert "no luck" in capfd.readouterr().err


@pytest.mark.parametrize("row", ["counted", "remembered"])
def test_a_side_stops_its_server_at_the_end(tree: Path, row: str) -> None:
    with against.side(tree, row, "2") as measure:
        measure()
        assert not (tree / "stopped").exists()
    assert (tree / "stopped").exists()


def test_a_side_that_is_interrupted_stops_its_server(tree: Path) -> None:
    with contextlib.suppress(KeyboardInterrupt), against.side(tree, "counted", "2") as measure:
        measure()
        raise KeyboardInterrupt
    assert (tree / "stopped").exists()


def test_a_commit_is_unpacked_and_removed() -> None:
    with against.unpack("HEAD") as tree:
        assert (tree / "bench" / "measure.py").exists()
    assert not tree.parent.exists()


def test_an_unknown_commit_is_refused() -> None:
    with pytest.raises(SystemExit), against.unpack("no-such-commit"):
        pass


def test_a_row_of_one_tree_only_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    new = Row("imagined", lambda _: Figures(1), "times", at_least(1))
    assert not against.compare([new], "HEAD", ["imagined", "http"], quick=True)
    lines = capsys.readouterr().out
    assert "**imagined**: not compared, only this tree has this row" in lines
    assert "**http-1**: not compared, only" in lines


def test_a_row_that_neither_tree_has_is_refused() -> None:
    with pytest.raises(SystemExit, match="no such row: imagined"):
        against.compare([], "HEAD", ["imagined"], quick=True)


def test_figures_in_different_units_are_not_compared() -> None:
    def measure(bench: Bench) -> Figures:
        raise AssertionError

    with pytest.raises(against.NotCompared, match="abc1234 measures it in ms, this tree in s"):
        against._compare(Row("start", measure, "s", at_most(3)), "ms", Path("abc1234"), quick=True)


@pytest.mark.slow
def test_a_row_is_compared_with_the_last_commit() -> None:
    command = [sys.executable, "-m", "bench", "--against", "HEAD", "--quick", "consume"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "consume, round 3 of 3" in done.stderr
    assert done.stdout.splitlines()[-1].endswith("| higher is better |")
