"""`python -m bench.plots`: draw how far each row of docs/explanation/benchmarks.md is from its goal."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "benchmarks.md"
ROW = re.compile(
    r"^\| \*\*(?P<name>[^*]+)\*\*.*? \| (?P<ours>[\d,.]+) (?P<unit>[^|]*) \| [^|]*\| ?(?P<ratio>[\d.]*) ?"
    r"\| (?P<sense>[≥≤]) (?P<bound>[\d.]+)[^|]*\| (?:yes|no) \|$",
    re.MULTILINE,
)
WIDTH, LEFT, RIGHT, LINE, HEAD = 900, 210, 190, 24, 40
MOST = 32.0  # the ends of the axis: so many times better or worse than the goal
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .quiet { fill: #59636e } .grid { stroke: #d1d9e0 } .goal { stroke: #1f2328; stroke-width: 1.5 }
  .yes { fill: #1a7f37; stroke: #1a7f37 } .no { fill: #bc4c00; stroke: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .quiet { fill: #9198a1 } .grid { stroke: #3d444d } .goal { stroke: #f0f6fc }
    .yes { fill: #3fb950; stroke: #3fb950 } .no { fill: #f0883e; stroke: #f0883e }
  }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """The line of one row in the picture."""

    name: str
    figure: str  # "0.52, goal ≥ 0.6"
    better: float  # so many times better than the goal; below 1 the goal is missed


def draw(table: str) -> str:
    """Draw a table of `python -m bench` as an SVG."""
    bars = list(_bars(table))
    height = HEAD + LINE * len(bars) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"',
        ' aria-label="How far each row is from its goal">',
        f"<style>{STYLE}</style>",
    ]
    for times in (1 / 16, 1 / 4, 1, 4, 16):
        shown = "the goal" if times == 1 else f"{times:g} times better" if times > 1 else f"{1 / times:g} times worse"
        parts += [
            f'<line class="{"goal" if times == 1 else "grid"}" x1="{_x(times)}" x2="{_x(times)}" y1="{HEAD - 14}" y2="{height - 8}"/>',
            f'<text class="quiet" x="{_x(times)}" y="{HEAD - 20}" text-anchor="middle">{shown}</text>',
        ]
    for nth, bar in enumerate(bars):
        y = HEAD + LINE * nth + LINE // 2
        kind = "yes" if bar.better >= 1 else "no"
        parts += [
            f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(bar.name)}</text>',
            f'<line class="{kind}" stroke-width="4" x1="{_x(1)}" x2="{_x(bar.better)}" y1="{y}" y2="{y}"/>',
            f'<circle class="{kind}" cx="{_x(bar.better)}" cy="{y}" r="5"/>',
            f'<text class="quiet" x="{WIDTH - RIGHT + 12}" y="{y + 4}">{escape(bar.figure)}</text>',
        ]
    return "\n".join([*parts, "</svg>\n"])


def _bars(table: str) -> Iterator[Bar]:
    for row in ROW.finditer(table):
        score = row["ratio"] or row["ours"].replace(",", "")
        bound, is_minimum = float(row["bound"]), row["sense"] == "≥"
        value = float(score)
        better = value / bound if is_minimum else bound / value
        unit = "" if row["ratio"] else f" {row['unit']}"
        yield Bar(row["name"], f"{score}{unit}, goal {row['sense']} {row['bound']}", better)


def _x(times: float) -> float:
    bounded = min(max(times, 1 / MOST), MOST)
    middle, half = (LEFT + WIDTH - RIGHT) / 2, (WIDTH - RIGHT - LEFT) / 2
    return round(middle + half * math.log(bounded) / math.log(MOST), 1)


if __name__ == "__main__":
    PAGE.with_suffix(".svg").write_text(draw(PAGE.read_text()))
