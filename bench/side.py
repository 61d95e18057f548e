"""One side of `python -m bench --against`: measures a row of the tree that PYTHONPATH names, a round at a time.

    python side.py ROW TURNS [quick]

The tree may be older than this program. So the program uses only what the bench of each tree has: `measure.alternate`,
which it replaces, `measure.Bench`, `servers.server` and the ROWS of `bench.__main__`.

For each line on standard input it takes a turn, and prints the figure. It ends with its standard input. Without arguments
it prints the names of all rows and their units, as JSON.
"""

import contextlib
import json
import os
import signal
import statistics
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

from bench import measure, servers


class Round(measure.Bench):
    """A Bench that equals no other: rows that remember what they measured for a Bench measure again in each round."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def main(name: str, turns: int, *, quick: bool) -> None:
    """Measure a row, a round at each of so many turns. A row's own rounds are shared among them."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a row prints is not an answer

    def answer(figure: float) -> None:
        print(figure, file=answers)

    def take_turns(ours: Callable[[], float], reference: Callable[[], float], rounds: int) -> NoReturn:  # noqa: ARG001
        """Stand in for `alternate`: measure `ours` only, whenever it is this side's turn."""
        ours()  # warms up
        while True:
            answer(statistics.median(ours() for _ in range(max(1, rounds // turns))))
            if not sys.stdin.readline():
                sys.exit()

    measure.alternate = take_turns
    [row] = (row for row in _rows() if row.name == name)
    with servers.server() as server:
        while sys.stdin.readline():
            answer(row.measure(Round(server, quick)).ours)  # or take_turns answers, and ends the process


def _rows() -> Any:
    """Return the tree's rows. Their modules are imported here, after `alternate` was replaced."""
    return import_module("bench.__main__").ROWS


if __name__ == "__main__":
    if sys.argv[1:]:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
        with contextlib.suppress(KeyboardInterrupt):
            main(sys.argv[1], int(sys.argv[2]), quick=sys.argv[3:] == ["quick"])
    else:
        print(json.dumps({row.name: row.unit for row in _rows()}))
