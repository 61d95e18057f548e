"""How long the tests marked `soak` run. SOAK=1 is the whole, for `make soak`; without it they run a twentieth."""

import os

TWENTIETH = 0.05
SOAK = float(os.environ.get("SOAK", TWENTIETH))


def share(whole: int) -> int:
    """Return this run's part of a count, at least 1."""
    return max(1, round(whole * SOAK))
