"""What waits in a topic."""

from pgbroker import Broker


def waiting(broker: Broker, topic: str) -> tuple[int, int, int]:
    """How many messages are ready, leased, and delayed."""
    queue = broker.read_topic(topic).queue
    return queue.ready, queue.leased, queue.delayed
