"""A curve of text."""

BLOCKS = " ▁▂▃▄▅▆▇█"
LEAST_TOP = 12  # lower curves do not fill the plot


def plot(samples: list[tuple[float, int]], columns: int, rows: int, seconds: float) -> list[str]:
    """Draw values over their times as `rows` lines; the width is `seconds`, or more when the samples go on."""
    tops = _tops(samples, columns, seconds)
    scale = rows * 8 / max(LEAST_TOP, *tops)
    return ["".join(BLOCKS[_filled(top * scale, row)] for top in tops) for row in reversed(range(rows))]


def marks(times: list[float], columns: int, seconds: float) -> str:
    """Number the times in a line below the plot."""
    line = [" "] * columns
    for number, at in enumerate(times, 1):
        line[_column(at, columns, seconds)] = str(number)
    return "".join(line)


def _tops(samples: list[tuple[float, int]], columns: int, seconds: float) -> list[int]:
    """The highest value in each column, up to the last sample's. A column without a sample has its neighbour's."""
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
    """How many eighths of a row a column of `height` eighths fills; what is there at all shows."""
    return max(0, min(8, round(height - row * 8), 8)) or int(row == 0 and height > 0)
