"""What the demo shows: a full screen on a terminal, otherwise a line every two seconds."""

from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from stage.plot import marks, plot
from stage.tally import Tally

STORY_LINES = 8
OTHER_LINES = STORY_LINES + 12  # all lines but those of the plot, and one for the cursor
LINE_EVERY_SECONDS = 2.0


@dataclass
class View:
    """The values that the screen shows."""

    seconds: float  # how long the demo takes
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    tally: Tally = field(default_factory=Tally)
    now: float = 0.0
    waiting: list[tuple[float, int]] = field(default_factory=lambda: [(0.0, 0)])  # (time, messages that wait)
    story: list[tuple[float, str]] = field(default_factory=list)
    killed: set[str] = field(default_factory=set)
    complete: bool = False

    def counts(self, name: str, *verbs: str) -> list[str]:
        """Return how many messages a program has handled, for each verb."""
        return [str(self.tally.count(verb, name)) for verb in verbs]


class Screen:
    """Draws a view: a frame on a terminal, otherwise a line every LINE_EVERY_SECONDS."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self._next_line = LINE_EVERY_SECONDS

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def narrate(self, line: str) -> None:
        """Add a line, in rich's markup, to the story; print it if there is no terminal."""
        self._view.story.append((self._view.now, line))
        if not self._console.is_terminal:
            self._print(line)

    def show(self) -> None:
        """Draw the view now, or print a line if it is time for one."""
        view = self._view
        if self._console.is_terminal:
            self._live.update(_frame(view, *self._console.size), refresh=True)
        elif view.now >= self._next_line:
            self._next_line = view.now + LINE_EVERY_SECONDS
            published = (f"{name} published {view.tally.count('published', name)}" for name in view.producers)
            handled = (
                "{} consumed {}, received {}".format(name, *view.counts(name, "consumed", "received"))
                for name in view.consumers
            )
            self._print("   ".join([f"waiting {view.waiting[-1][1]}", *published, *handled]))

    def _print(self, line: str) -> None:
        self._console.print(f"{self._view.now:5.1f} s  {line}", soft_wrap=True)


def _frame(view: View, width: int, height: int) -> RenderableType:
    head = Table.grid(expand=True)
    head.add_column()
    head.add_column(justify="right")
    head.add_row(" [bold]broker[/]  two producers, two consumers", f"{view.now:.1f} s of {view.seconds:.0f} s ")
    programs = Table.grid(expand=True)
    programs.add_column(ratio=1)
    programs.add_column(ratio=1)
    programs.add_row(_producers(view), _consumers(view))
    return Group(head, programs, _waiting(view, width - 4, max(3, min(16, height - OTHER_LINES))), _story(view))


def _producers(view: View) -> RenderableType:
    table = _table("", "published", "rate", "last")
    for name in view.producers:
        rate = f"{view.tally.rate('published', name, view.now):.1f}/s"
        table.add_row(name, *view.counts(name, "published"), rate, _last(view, name))
    return Panel(table, border_style="dim", title="producers")


def _consumers(view: View) -> RenderableType:
    table = _table("", "consumed", "received", "last")
    for name in view.consumers:
        last = "[red]killed[/]" if name in view.killed else _last(view, name)
        table.add_row(name, *view.counts(name, "consumed", "received"), last)
    return Panel(table, border_style="dim", title="consumers")


def _waiting(view: View, columns: int, rows: int) -> RenderableType:
    curve = Text("\n".join(plot(view.waiting, columns, rows, view.seconds)), style="cyan")
    span = max(view.seconds, view.waiting[-1][0])
    below = Text("\n" + marks([at for at, _ in view.story], columns, span), style="bold")
    most = max(count for _, count in view.waiting)
    title = f"waiting in the queue: [bold]{view.waiting[-1][1]}[/] (at most {most})"
    return Panel(curve + below, border_style="dim", title=title)


def _story(view: View) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for number, (at, line) in list(enumerate(view.story, 1))[-STORY_LINES:]:
        text = Text.from_markup(line)
        text.no_wrap, text.overflow = True, "ellipsis"
        table.add_row(Text(str(number), style="bold"), Text(f"{at:4.1f} s", style="dim"), text)
    for _ in range(STORY_LINES - len(view.story)):
        table.add_row("")
    return Panel(table, border_style="dim", title="what happens")


def _table(*heads: str) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim")
    for head in heads:
        table.add_column(head, justify="right" if head not in ("", "last") else "left", no_wrap=True)
    return table


def _last(view: View, name: str) -> str:
    return escape(view.tally.last.get(name, ""))
