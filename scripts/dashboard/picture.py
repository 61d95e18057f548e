"""Draw a dashboard's JSON as an SVG, with a made-up day."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from scripts.dashboard import series

COLUMN, ROW, GAP = 50, 30, 4  # pixels
TITLE, AXIS = 24, 46
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd")  # CloudWatch's own
HOURS = (0, 6, 12, 18)
CHARACTER = 6.9  # pixels of a legend's character
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 13px } .quiet { fill: #59636e }
  .box { fill: #ffffff; stroke: #d1d9e0 } .grid { stroke: #eaeef2 } .alarm { stroke: #d62728; stroke-dasharray: 4 3 }
  polyline { fill: none; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .quiet { fill: #9198a1 } .box { fill: #0d1117; stroke: #3d444d } .grid { stroke: #262c36 }
  }
"""
# What the query of the last failures would show of that day.
FAILURES = (
    ("14:48:31", "dispatch", "answered 500, attempt 4 of subscription 019a4c…7c41: retry"),
    ("14:21:07", "deliver", "the broker failed: NotSent, AWS is silent"),
    ("14:05:12", "dispatch", "no whole response within 15 s, attempt 2 of subscription 019a4c…7c41: retry"),
    ("14:00:04", "dispatch", "no whole response within 15 s, attempt 1 of subscription 019a4c…7c41: retry"),
    (
        "06:40:00",
        "POST /topics/{topic}/consume",
        "503, the broker failed: DatabaseUnavailable, a server that starts or stops",
    ),
)

Widget = Mapping[str, Any]


def draw(dashboard: Mapping[str, Any]) -> str:
    """Draw all widgets in their places."""
    widgets: Sequence[Widget] = dashboard["widgets"]
    height = max(each["y"] + each["height"] for each in widgets) * ROW + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {24 * COLUMN + GAP} {height}" role="img"',
        ' aria-label="The dashboard, with a made-up day">',
        f"<style>{STYLE}</style>",
    ]
    for widget in widgets:
        parts.append(f'<g transform="translate({widget["x"] * COLUMN + GAP} {widget["y"] * ROW + GAP})">')
        parts += _draw_widget(widget, widget["width"] * COLUMN - GAP, widget["height"] * ROW - GAP)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>\n"])


def _draw_widget(widget: Widget, width: int, height: int) -> Iterator[str]:
    properties = widget["properties"]
    title = properties.get("title", "")
    yield f'<rect class="box" width="{width}" height="{height}" rx="4"/>'
    yield f'<text class="title" x="10" y="18">{escape(title)}</text>'
    match widget["type"]:
        case "metric":
            yield from _draw_lines(properties, width, height)
        case "alarm":
            yield from _draw_alarms(properties["alarms"], width)
        case "log":
            yield from _draw_failures()
        case "text":
            yield f'<text class="quiet" x="10" y="{TITLE + 14}">{escape(properties["markdown"])}</text>'


def _draw_lines(properties: Widget, width: int, height: int) -> Iterator[str]:
    title, options = properties["title"], [metric[-1] for metric in properties["metrics"]]
    bounds = [(each["label"], each["value"]) for each in properties.get("annotations", {}).get("horizontal", [])]
    lines = [(series.make(title, each["label"]), each.get("yAxis", "left")) for each in options]
    legend = list(_legend([each["label"] for each in options], width, height))
    right, bottom = width - (AXIS if any(side == "right" for _, side in lines) else 10), legend[0][1] - 28
    tops = {
        "left": _top([values for values, side in lines if side == "left"], [value for _, value in bounds]),
        "right": _top([values for values, side in lines if side == "right"], []),
    }

    def y(value: float, side: str = "left") -> float:
        return round(bottom - (bottom - TITLE - 8) * value / tops[side], 1)

    for part in (0, 0.5, 1):
        at = y(tops["left"] * part)
        yield f'<line class="grid" x1="{AXIS}" x2="{right}" y1="{at}" y2="{at}"/>'
        yield f'<text class="quiet" x="{AXIS - 6}" y="{at + 4}" text-anchor="end">{tops["left"] * part:,g}</text>'
        if right < width - 10:
            yield f'<text class="quiet" x="{right + 6}" y="{at + 4}">{tops["right"] * part:,g}</text>'
    for hour in HOURS:
        yield f'<text class="quiet" x="{AXIS + (right - AXIS) * hour / 24:g}" y="{bottom + 15}">{hour:02}:00</text>'
    for label, value in bounds:
        text = f"{escape(label)}: {value:,g}"
        yield f'<line class="alarm" x1="{AXIS}" x2="{right}" y1="{y(value)}" y2="{y(value)}"/>'
        yield f'<text class="quiet" x="{right}" y="{y(value) - 4}" text-anchor="end">{text}</text>'
    for (values, side), colour, (x, below, label) in zip(lines, COLOURS, legend, strict=False):
        step = (right - AXIS) / (len(values) - 1)
        points = " ".join(f"{AXIS + step * nth:.0f},{y(value, side):g}" for nth, value in enumerate(values))
        yield f'<polyline stroke="{colour}" points="{points}"/>'
        yield f'<circle fill="{colour}" cx="{x:g}" cy="{below - 4}" r="4"/>'
        yield f'<text x="{x + 8:g}" y="{below}">{escape(label)}</text>'


def _legend(labels: Sequence[str], width: int, height: int) -> Iterator[tuple[float, int, str]]:
    """Place the labels below the lines, in as many rows as they need."""
    rows: list[list[tuple[float, str]]] = [[]]
    x = float(AXIS)
    for label in labels:
        taken = 24 + CHARACTER * len(label)
        if x + taken > width and rows[-1]:
            rows.append([])
            x = float(AXIS)
        rows[-1].append((x, label))
        x = round(x + taken, 1)
    for nth, row in enumerate(rows):
        yield from ((x, height - 9 - 18 * (len(rows) - 1 - nth), label) for x, label in row)


def _draw_alarms(arns: Sequence[str], width: int) -> Iterator[str]:
    columns = 7
    for nth, arn in enumerate(arns):
        name = re.sub(r"(?<!^)(?=[A-Z])", " ", arn.rpartition(":")[2]).capitalize()
        x, y = 18 + (nth % columns) * (width - 20) // columns, 42 + nth // columns * 24
        colour = "#d62728" if name == "Dead letters" else "#2ca02c"
        yield f'<circle fill="{colour}" cx="{x}" cy="{y - 4}" r="5"/><text x="{x + 12}" y="{y}">{escape(name)}</text>'


def _draw_failures() -> Iterator[str]:
    for nth, (time, route, text) in enumerate((("time", "route", "why"), *FAILURES)):
        y, kind = TITLE + 22 + nth * 26, ' class="quiet"' if nth == 0 else ""
        for x, cell in ((14, time), (110, route), (360, text)):
            yield f'<text{kind} x="{x}" y="{y}">{escape(cell)}</text>'


def _top(lines: Sequence[Sequence[float]], bounds: Sequence[float]) -> float:
    """Return the end of an axis for all of these: 1, 2, 5, 10, 20 and so on."""
    most = max([1.0, *map(max, lines), *bounds])
    power = 10.0 ** math.floor(math.log10(most))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= most))
