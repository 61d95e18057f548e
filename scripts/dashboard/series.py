"""A made-up day: traffic by day and less by night, and from 14:00 on an endpoint that is down for fifty minutes."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

POINTS = 72  # of a day: one every 20 minutes
OUTAGE = range(42, 45)  # from 14:00 on
AFTER = range(45, 47)  # when what waited is delivered


@dataclass(frozen=True)
class Shape:
    """How a metric behaves: between `night` and `day`, and otherwise in the outage and after it."""

    night: float
    day: float
    outage: float | None = None
    after: float | None = None
    noise: float = 0.12  # a part of the value
    moments: tuple[int, ...] = ()  # at which it is 1, and else 0


SHAPES = {
    "requests": Shape(200, 2400),
    "4xx": Shape(2, 14, noise=0.6),
    "5xx": Shape(0, 0, moments=(20,)),
    "5xx of the functions": Shape(0, 0, moments=(20,)),
    "API, median": Shape(14, 17),
    "Publish, p99": Shape(48, 64),
    "Manage, p99": Shape(60, 85, noise=0.2),
    "all functions, median": Shape(7, 9),
    "published": Shape(160, 1900),
    "consumed": Shape(60, 800),
    "acked": Shape(58, 790),
    "broadcast": Shape(100, 1100),
    "delivered": Shape(200, 2200, outage=1300, after=4300),
    "failed": Shape(0, 1, outage=38, after=9, noise=0.5),
    "dead letters": Shape(0, 0, moments=(27, 44)),
    "jobs too old": Shape(0, 0),
    "disabled": Shape(0, 0),
    "lost": Shape(0, 0),
    "median": Shape(0.4, 0.5, after=0.9),
    "p99": Shape(0.9, 1.2, outage=300, after=2400, noise=0.3),
    "age when consumed or posted": Shape(3, 9, outage=1500, after=3000, noise=0.3),
    "DispatchQueue": Shape(0, 2, outage=4, noise=0.6),
    "DeliveryQueue": Shape(0, 3, outage=14, after=9, noise=0.6),
    "LastResortQueue": Shape(0, 0),
    "Publish": Shape(1, 5, noise=0.3),
    "Consume": Shape(2, 6, noise=0.3),
    "Dispatch": Shape(1, 3, outage=4, noise=0.3),
    "Deliver": Shape(1, 5, outage=17, after=12, noise=0.3),
    "Publish throttled": Shape(0, 0),
    "Consume throttled": Shape(0, 0),
    "Dispatch failed": Shape(0, 0),
    "Deliver failed": Shape(0, 0, moments=(43,)),
    "capacity": Shape(0.5, 2.1, after=3.1),
    "connections": Shape(5, 19, outage=22, after=25),
    "partitions kept": Shape(0, 0),
    "age of the oldest (days)": Shape(0, 0),
    "runs a day": Shape(1, 1, noise=0),
    "failed runs": Shape(0, 0),
}
# The same label is another thing in these widgets.
SHAPES_BY_TITLE = {
    ("Queues: oldest message (s)", "DispatchQueue"): Shape(0, 1, outage=3, noise=0.8),
    ("Queues: oldest message (s)", "DeliveryQueue"): Shape(0, 2, outage=31, after=22, noise=0.6),
    ("Functions: duration, p99 (ms)", "Consume"): Shape(20_000, 20_050, noise=0.001),
    ("Functions: duration, p99 (ms)", "Dispatch"): Shape(420, 640),
    ("Functions: duration, p99 (ms)", "Deliver"): Shape(900, 1300, outage=15_000, after=2400),
}


def make(title: str, label: str) -> Sequence[float]:
    """Make the day of a line in a widget, the same each time. Raises LookupError for a line that has no shape."""
    shape = SHAPES_BY_TITLE.get((title, label)) or SHAPES[label]
    numbers = random.Random(f"{title} {label}")  # noqa: S311  it is made up
    return [_value(shape, point, numbers.uniform(-1, 1)) for point in range(POINTS)]


def _value(shape: Shape, point: int, chance: float) -> float:
    if shape.moments:
        return float(point in shape.moments)
    light = (
        1 - math.cos(2 * math.pi * (point / POINTS - 0.08))
    ) / 2  # 0 at two in the morning, 1 at two in the afternoon
    value = shape.night + (shape.day - shape.night) * light
    if point in OUTAGE and shape.outage is not None:
        value = shape.outage
    elif point in AFTER and shape.after is not None:
        value = shape.after
    return max(0.0, value * (1 + shape.noise * chance))
