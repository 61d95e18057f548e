"""The race that the Node.js broker lost: several producers, and consumers that take messages for good."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.faults.runner import Runner, session

PRODUCERS, CONSUMERS, EACH = 4, 2, 500


def produce(runner: Runner, numbers: range) -> list[int]:
    http = session()
    url = f"{runner.url}/topics/orders/messages"
    return [number for number in numbers if http.post(url, json={"content": number}, timeout=40).status_code == 201]


def consume(runner: Runner, published: threading.Event) -> list[int]:
    """Take until nothing is left once all is published."""
    http, taken, last = session(), [], False
    while not last:
        last = published.is_set()  # before the look, which then sees everything
        wish = {"max": 1000, "auto_ack": True}
        while messages := http.post(f"{runner.url}/topics/orders/consume", json=wish, timeout=40).json()["messages"]:
            taken += [message["content"] for message in messages]
    return taken


def test_four_producers_and_two_consumers_lose_nothing_and_get_nothing_twice(runner: Runner) -> None:
    assert runner.put("/topics/orders", {}).ok
    published = threading.Event()
    with ThreadPoolExecutor(PRODUCERS + CONSUMERS) as pool:
        consuming = [pool.submit(consume, runner, published) for _ in range(CONSUMERS)]
        starts = range(0, PRODUCERS * EACH, EACH)
        producing = [pool.submit(produce, runner, range(start, start + EACH)) for start in starts]
        try:
            acknowledged = [number for producer in producing for number in producer.result()]
        finally:
            published.set()
        shares = [consumer.result() for consumer in consuming]

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
