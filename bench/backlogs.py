"""What a long queue costs its consumers."""

from functools import partial

from bench import functions, servers
from bench.measure import Bench, Figures, alternate, seconds

SHALLOW, DEEP = 1_000, 1_000_000
PUBLISHED = '{"messages": [' + ", ".join(['{"content": "' + "x" * 198 + '"}'] * 10) + "]}"


def backlog(bench: Bench) -> Figures:
    """The consume handler leases and acknowledges 10 where 1,000,000 messages wait; against a topic where 1,000 do."""
    with servers.migrated(bench.server, "broker_bench") as made, functions.metrics_dropped():
        with servers.connect(made.owner_url) as owner:
            for topic, depth in (("shallow", SHALLOW), ("deep", DEEP)):
                servers.fill(owner, topic, depth, 200)
            owner.execute("CHECKPOINT")
        deep, shallow = (partial(_cycle, topic) for topic in ("deep", "shallow"))
        return alternate(deep, shallow, bench.rounds(500))


def _cycle(topic: str) -> float:
    """Milliseconds of one cycle; what it took is replaced."""
    took = seconds(functions.Consumer(topic).cycle)
    functions.publisher(topic, PUBLISHED)()
    return took * 1000
