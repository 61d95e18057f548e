"""A state with everything that there is to see: topics, real webhooks that work or fail, and messages of each fate."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import requests

from pgbroker import Broker
from pgbroker.types import Reject, Release
from tests.support.endpoints import Endpoint
from tests.support.runner import until

TOPIC = "orders"
HTML = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\"><b>bold</b>"
NUMBERS = '{"id": 12345678901234567890, "price": 1.10, "rate": 1e3, "id": 1}'  # a member twice
LONG = {"lines": ["x" * 20] * 11_390}  # 256 KiB with its commas, less a little
SENT = 3  # broadcast
SUBSCRIPTIONS = {"shop": "/works", "crm": "/down", "erp": "/refuses", "audit": "/paused", "old-hook": "/gone"}


@dataclass(frozen=True)
class Seeded:
    topic: str
    subscriptions: dict[str, str]  # ids by name
    broadcast: str  # the id of a message that was delivered to one, and refused by others
    leased: str
    delayed: str
    dead: str
    html: str
    numbers: str
    long: str
    ready: str


@contextlib.contextmanager
def seed(broker: Broker) -> Iterator[Seeded]:
    """Make the state through the API; the endpoint answers until the end."""
    with Endpoint() as endpoint:
        endpoint.answer(503, path="/down", body=b"try later")
        endpoint.answer(422, path="/refuses", body=b'{"error": "no such order"}')
        endpoint.answer(410, path="/gone")
        ids = {name: broker.subscribe(TOPIC, endpoint.url + path, name=name).id for name, path in SUBSCRIPTIONS.items()}
        broker.change_subscription(TOPIC, ids["audit"], paused=True)
        sent = [broker.publish(TOPIC, {"order": number}, sender="checkout", key="a") for number in range(SENT)]
        broker.broadcast(TOPIC)
        _wait_for_their_states(broker, ids)
        leased, delayed, dead = _lease_three(broker)
        yield Seeded(
            topic=TOPIC,
            subscriptions=ids,
            broadcast=sent[0],
            leased=leased,
            delayed=delayed,
            dead=dead,
            html=broker.publish(TOPIC, {"text": HTML}, sender="<b>sender</b>", attributes={"note": HTML}),
            numbers=publish_text(broker, TOPIC, NUMBERS),
            long=broker.publish(TOPIC, LONG),
            ready=broker.publish(TOPIC, {"order": 9}, key="b", attributes={"kind": "new"}),
        )


def publish_text(broker: Broker, topic: str, content: str) -> str:
    """Publish a content as it is written; return its id."""
    token = broker._connection.settings["headers"]["Authorization"]
    body = f'{{"content": {content}}}'.encode()
    headers = {"Authorization": token, "Content-Type": "application/json"}
    answer = requests.post(f"{broker.url}/topics/{topic}/messages", body, headers=headers, timeout=60)
    return str(json.loads(answer.text)["id"])


def _wait_for_their_states(broker: Broker, ids: dict[str, str]) -> None:
    def settled() -> bool:
        found = {name: broker.read_subscription(TOPIC, each) for name, each in ids.items()}
        return (
            found["shop"].behind == 0
            and found["old-hook"].state == "disabled"
            and found["crm"].failures > 0
            and found["erp"].redeliveries == SENT
        )

    until(settled)


def _lease_three(broker: Broker) -> tuple[str, str, str]:
    """Leave one message on lease, one delayed, and a dead letter."""
    for kind in ("stays", "waits", "fails"):
        broker.publish(TOPIC, {"what": kind})
    [stays, waits, fails] = broker.consume(TOPIC, max=3, lease_seconds=3600)
    broker.settle(
        TOPIC,
        release=[Release(waits.receipt, delay_seconds=3600)],
        reject=[Reject(fails.receipt, reason="no such order")],
    )
    return stays.id, waits.id, fails.id
