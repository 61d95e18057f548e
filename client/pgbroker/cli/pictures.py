"""The tables of `status`, for people."""

from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pgbroker.cli.ages import length, since
from pgbroker.cli.surveys import History, Status, Survey
from pgbroker.cli.tables import cell
from pgbroker.types import Subscription, Topic

BARS = "▁▂▃▄▅▆▇█"
TREND = 20  # polls
WIDE = 120  # columns of a terminal
AROUND = 4  # lines of a terminal beside the topics
WRONG = "red"
COLORS = {"disabled": "red", "waiting": "yellow", "paused": "yellow", "active": "green"}


def picture(found: Survey, terminal: Console, history: History | None = None) -> RenderableType:
    """Return the tables: the topics, and the subscriptions of those that are named; `history` adds how they change."""
    shown = found.statuses
    if history is not None and not any(status.subscriptions for status in shown):
        shown = shown[: max(1, terminal.height - AROUND)]  # as many as fit
    parts: list[RenderableType] = [_topics(shown, history, wide=terminal.width >= WIDE)]
    for status in shown:
        if status.subscriptions:
            parts += [Text(), Text(f"The subscriptions of {status.topic.name}", "bold"), _table(status.subscriptions)]
    if found.total > len(shown):
        parts.append(Text(f"{found.total - len(shown):,} topics with fewer messages are not shown.", "dim"))
    return Group(*parts)


def watched(found: Survey | None, error: str | None, terminal: Console, history: History) -> RenderableType:
    """Return the picture of a poll; with an error, that one above the last picture."""
    now = datetime.now(UTC).astimezone()
    head = Text(f"{now:%H:%M:%S}", "dim") if error is None else Text(f"{now:%H:%M:%S}  {error}", WRONG)
    return head if found is None else Group(head, picture(found, terminal, history))


def trend(values: list[int]) -> str:
    """Return numbers as bars, of which the largest number has the highest."""
    most = max(values, default=0) or 1
    return "".join(BARS[round(value / most * (len(BARS) - 1))] for value in values[-TREND:])


def _topics(statuses: list[Status], history: History | None, *, wide: bool) -> Table:
    details = history is None or wide
    titles = ["WAITING", "READY", *(["LEASED", "DELAYED"] if details else []), "OLDEST", "BEHIND", "DEAD"]
    titles += [] if history is None else ["WAITING/S", *(["BROADCAST/S"] if wide else [])]
    table = _empty("TOPIC", *titles)
    if history is not None:
        table.add_column("TREND", no_wrap=True, min_width=TREND)
    for status in statuses:
        topic = status.topic
        queue = topic.queue
        row = [Text(topic.name), Text(cell(queue)), Text(cell(queue.ready))]
        row += [Text(cell(queue.leased)), Text(cell(queue.delayed))] if details else []
        row += [Text(_age(topic)), Text(cell(topic.behind) if topic.subscriptions else "")]
        row.append(Text(cell(topic.dead_letters), WRONG if topic.dead_letters.estimate else ""))
        if history is not None:
            row += _changes(topic, history, wide=wide)
        table.add_row(*row)
    return table


def _changes(topic: Topic, history: History, *, wide: bool) -> list[Text]:
    rates = history.rates(topic.name)
    about = "" if topic.queue.exact else "≈ "
    growth, broadcast = ("", "") if rates is None else (f"{about}{rates[0]:+,.1f}", f"{rates[1]:,.1f}")
    cells = [Text(growth), *([Text(broadcast)] if wide else [])]
    return [*cells, Text(trend(history.waiting(topic.name)))]


def _table(subscriptions: list[Subscription]) -> Table:
    table = _empty("NAME", "BEHIND", "REDELIVERIES", "DEAD", "FAILURES")
    for title in ("STATE", "NEXT", "REASON"):
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    for each in subscriptions:
        table.add_row(
            Text(cell(each.name)),
            Text(cell(each.behind)),
            Text(cell(each.redeliveries)),
            Text(cell(each.dead_letters), WRONG if each.dead_letters else ""),
            Text(cell(each.failures)),
            Text(each.state, COLORS[each.state]),
            Text(_next(each)),
            Text(cell(each.disabled_reason)),
        )
    return table


def _next(subscription: Subscription) -> str:
    """Return when the next request is due. What is paused or disabled waits for nothing."""
    due = subscription.due_at
    if due is None or subscription.state in {"paused", "disabled"}:
        return ""
    return since(due) if due > datetime.now(UTC) else "now"


def _empty(first: str, *numbers: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True, overflow="ellipsis")
    for title in numbers:
        table.add_column(title, justify="right", no_wrap=True, min_width=len(title))
    return table


def _age(topic: Topic) -> str:
    oldest = topic.oldest_ready_at
    return "" if oldest is None else length((datetime.now(UTC) - oldest).total_seconds())
