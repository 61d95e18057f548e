"""Draw a curve with block characters."""

BLOCKS = " ▁▂▃▄▅▆▇█"
MIN_TOP = 12  # the plot is at least this high, so that low curves look low


def plot(samples: list[tuple[float, int]], columns: int, rows: int, seconds: float) -> list[str]:
    """Draw samples (time, value) as lines of text. The x-axis ends at `seconds`, or at a later last sample."""
    tops = _tops(samples, columns, seconds)
    scale = rows * 8 / max(MIN_TOP, *tops)
    return ["".join(BLOCKS[_filled(top * scale, row)] for top in tops) for row in reversed(range(rows))]


def marks(times: list[float], columns: int, seconds: float) -> str:
    """Return a line below the plot, with the number of each time at its place."""
    line = [" "] * columns
    for number, at in enumerate(times, 1):
        line[_column(at, columns, seconds)] = str(number)
    return "".join(line)


def _tops(samples: list[tuple[float, int]], columns: int, seconds: float) -> list[int]:
    """Return the highest value in each column, up to the last sample. A column without one takes the next value."""
    tops: list[int] = []
    for at, value in samples:
        column = _column(at, columns, max(seconds, samples[-1][0]))
        if column < len(tops):
            tops[column] = max(tops[column], value)
        else:
            tops += [value] * (column + 1 - len(tops))
    return tops


def _column(at: float, columns: int, seconds: float) -> int:
    return min(columns - 1, int(at / seconds * columns))


def _filled(height: float, row: int) -> int:
    """Return how many eighths of this row a column of `height` eighths fills. A low column shows at least one."""
    return max(0, min(8, round(height - row * 8), 8)) or int(row == 0 and height > 0)
