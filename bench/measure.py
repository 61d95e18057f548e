"""Two sides measured in turn: what a minute does to one, it does to the other."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench import servers


@dataclass(frozen=True, slots=True)
class Bench:
    """What a row is measured with."""

    server: servers.Server
    quick: bool

    def rounds(self, full: int) -> int:
        """How often to do what a full run does `full` times."""
        return max(2, full // 5) if self.quick else full


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians of both sides, in the unit of their row; a row without a reference has its goal in that unit."""

    ours: float
    reference: float | None = None
    remark: str = ""

    @property
    def judged(self) -> float:
        """What a goal is about: ours as a multiple of the reference, or else ours alone."""
        return self.ours if self.reference is None else self.ours / self.reference


class LeftOut(Exception):
    """A row cannot be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Goal:
    """The least or the most that shall be reached."""

    bound: float
    least: bool

    def reached(self, figures: Figures) -> bool:
        return figures.judged >= self.bound if self.least else figures.judged <= self.bound


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. The docstring of `measure` says what is done, and against what."""

    name: str
    measure: Callable[[Bench], Figures]
    unit: str
    goal: Goal


def at_least(bound: float) -> Goal:
    return Goal(bound, least=True)


def at_most(bound: float) -> Goal:
    return Goal(bound, least=False)


def alternate(ours: Callable[[], float], reference: Callable[[], float], rounds: int) -> Figures:
    """Let both sides give a figure, A B A B, and take each one's median. The first two, which warm up, do not count."""
    figures = [(ours(), reference()) for _ in range(rounds + 1)][1:]
    return Figures(*(statistics.median(side) for side in zip(*figures, strict=True)))


def rate(act: Callable[[], object], times: int) -> float:
    """How many times a second `act` is done, `times` in a row."""
    return times / seconds(lambda: [act() for _ in range(times)])


def seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
