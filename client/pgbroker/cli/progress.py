"""A progress bar on standard error."""

from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def bar(size: int | None, *, shown: bool) -> Generator[Callable[[int, int], None], None, None]:
    """Yield what moves the bar: it takes the bytes and the messages that are stored. `size` is in bytes, if known."""
    if not shown:
        yield lambda _bytes, _messages: None
        return

    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = [
        TextColumn("{task.fields[messages]:,} messages"),
        BarColumn(),
        TaskProgressColumn(show_speed=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=size, messages=0)
        yield lambda done, messages: progress.update(task, completed=done, messages=messages)
