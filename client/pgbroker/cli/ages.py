"""Times in words."""

from datetime import UTC, datetime

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def length(seconds: float) -> str:
    """Return a duration in words: its two largest units."""
    left = round(abs(seconds))
    parts: list[str] = []
    for size, unit in UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def since(then: datetime) -> str:
    """Return how long ago a time was, or in how long it will be."""
    seconds = (datetime.now(UTC) - then).total_seconds()
    return f"{length(seconds)} ago" if seconds >= 0 else f"in {length(seconds)}"
