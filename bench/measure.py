"""Measure two sides in turns, so that a busy minute of the machine affects both."""

import statistics
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from bench import servers


@dataclass(frozen=True, slots=True)
class Bench:
    """The server that a row is measured on, and whether the run is a quick one."""

    server: servers.Server
    quick: bool

    def rounds(self, full: int) -> int:
        """Return how many rounds, or messages, this run takes where a full run takes `full`: a quick one takes a fifth."""
        return max(2, full // 5) if self.quick else full


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians of both sides, in the unit of the row. Without a reference, the goal is in that unit too."""

    ours: float
    reference: float | None = None
    remark: str = ""

    @property
    def score(self) -> float:
        """Return the value that the goal bounds: ours as a multiple of the reference, or ours without a reference."""
        return self.ours if self.reference is None else self.ours / self.reference


class Skip(Exception):
    """A row cannot be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Goal:
    """The lowest or the highest score that reaches the goal."""

    bound: float
    is_minimum: bool

    def reached(self, figures: Figures) -> bool:
        return figures.score >= self.bound if self.is_minimum else figures.score <= self.bound


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. The docstring of `measure` says what is measured, and against which reference."""

    name: str
    measure: Callable[[Bench], Figures]
    unit: str
    goal: Goal


def at_least(bound: float) -> Goal:
    return Goal(bound, is_minimum=True)


def at_most(bound: float) -> Goal:
    return Goal(bound, is_minimum=False)


def select(names: Collection[str], wanted: Sequence[str]) -> list[str]:
    """Return the wanted names, or all. What is no name itself selects those that begin with it: `http` selects http-1 and http-8."""
    found = {
        each: [each] if each in names else [name for name in names if name.startswith(f"{each}-")] for each in wanted
    }
    if unknown := [each for each in wanted if not found[each]]:
        sys.exit(f"no such row: {', '.join(unknown)}")
    return [name for name in names if not wanted or any(name in each for each in found.values())]


def shown(value: float) -> str:
    """Return a figure as the tables show it."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def alternate(ours: Callable[[], float], reference: Callable[[], float], rounds: int) -> Figures:
    """Measure both sides in turns, A B A B, and return the median of each. A first round warms up and does not count."""
    figures = [(ours(), reference()) for _ in range(rounds + 1)][1:]
    return Figures(*(statistics.median(side) for side in zip(*figures, strict=True)))


def rate(act: Callable[[], object], times: int) -> float:
    """Call `act` so many times, and return how many calls a second that is."""
    return times / seconds(lambda: [act() for _ in range(times)])


def seconds(act: Callable[[], object]) -> float:
    """Call `act`, and return how many seconds it took."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
