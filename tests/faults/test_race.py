"""The race that the Node.js broker lost: several producers, and several consumers with auto_ack."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.runner import Runner, open_session
from tests.support.soak import share

PRODUCERS, CONSUMERS, EACH = 4, 2, share(10_000)


def produce(runner: Runner, numbers: range) -> list[int]:
    http = open_session()
    url = f"{runner.url}/topics/orders/messages"
    return [number for number in numbers if http.post(url, json={"content": number}, timeout=40).status_code == 201]


def consume(runner: Runner, published: threading.Event) -> list[int]:
    """Consume until all is published and the queue is empty; return the numbers."""
    http, taken, last = open_session(), [], False
    while not last:
        last = published.is_set()  # read before the requests, so that the last of them see every message
        request = {"max": 1000, "auto_ack": True}
        while messages := http.post(f"{runner.url}/topics/orders/consume", json=request, timeout=40).json()["messages"]:
            taken += [message["content"] for message in messages]
    return taken


@pytest.mark.soak
def test_two_consumers_get_every_message_of_four_producers_once(runner: Runner) -> None:
    assert runner.put("/topics/orders", {}).ok
    published = threading.Event()
    with ThreadPoolExecutor(PRODUCERS + CONSUMERS) as pool:
        consumers = [pool.submit(consume, runner, published) for _ in range(CONSUMERS)]
        starts = range(0, PRODUCERS * EACH, EACH)
        producers = [pool.submit(produce, runner, range(start, start + EACH)) for start in starts]
        try:
            acknowledged = [number for producer in producers for number in producer.result()]
        finally:
            published.set()
        shares = [consumer.result() for consumer in consumers]

    taken = Counter(number for share in shares for number in share)
    lost = [number for number in acknowledged if number not in taken]
    twice = [number for number, times in taken.items() if times > 1]
    print(
        f"\n{PRODUCERS} producers, {CONSUMERS} consumers with auto_ack: {len(acknowledged)} acknowledged,"
        f" {' + '.join(str(len(share)) for share in shares)} taken, {len(lost)} lost, {len(twice)} twice"
    )
    assert len(acknowledged) == PRODUCERS * EACH
    assert all(shares)
    assert not lost
    assert not twice
