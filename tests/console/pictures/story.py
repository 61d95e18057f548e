"""An hour of a small shop: orders go to everybody, invoices and emails to workers.

`crm` is down for the last minutes, `ledger` refuses orders in francs and those without a customer, `audit` is paused.
"""

import contextlib
import math
import random
from dataclasses import dataclass, field
from typing import Any

from pgbroker import Broker
from pgbroker.types import DeadLetter, Reject, Release, Subscription
from tests.console.pictures.receiver import Receiver
from tests.support.runner import until

HOUR = 3600
PAUSED_AT = 2430  # seconds from its beginning
DOWN_AT = 2910
LAST_MINUTES = 3300  # from here on a round is shorter: the overview's small plots show five minutes
WHOLE = [*range(30, LAST_MINUTES, 60), *range(LAST_MINUTES, HOUR + 1, 10)]
SHORT = [600, 1200, PAUSED_AT, DOWN_AT, LAST_MINUTES, 3450, 3590, HOUR]

RATES = {"orders": 0.5, "emails": 1.4, "invoices": 0.3, "shipments": 0.25, "payments": 0.6, "returns": 0.05}
AUTO = {"orders", "shipments", "payments"}
SUBSCRIPTIONS: dict[str, tuple[str, list[int] | None]] = {
    "shop": ("orders", None),
    "crm": ("orders", [2, 60, 60, 120, 120, 240, 600, 1800]),
    "ledger": ("orders", [5]),
    "audit": ("orders", None),
    "warehouse": ("shipments", None),
    "carrier": ("shipments", None),
    "fraud-check": ("payments", None),
}
WORKING = {"shop", "ledger", "warehouse", "carrier", "fraud-check"}
REASONS = ["no such customer", "not a VAT number"]
CITIES = ["Lisbon", "Ghent", "Tartu", "Graz", "Cork"]


@dataclass
class Story:
    """The shop: each round goes on to a second of its hour. The same rounds publish the same messages."""

    broker: Broker
    receiver: Receiver
    ids: dict[str, str] = field(default_factory=dict)  # of subscriptions, by name
    refused: str = ""  # an order that ledger has refused
    _random: random.Random = field(default_factory=lambda: random.Random(18))
    _second: int = 0
    _order: int = 4000
    _last_of_crm: int = 0

    def begin(self) -> None:
        """Make the topics and the subscriptions."""
        for topic in RATES:
            self.broker.put_topic(topic, broadcast="auto" if topic in AUTO else "manual")
        for name, (topic, schedule) in SUBSCRIPTIONS.items():
            url = f"{self.receiver.url}/{name}"
            size = 12 if name == "crm" else None  # its attempts are drawn
            made = self.broker.subscribe(topic, url, name=name, batch_size=size, retry_schedule=schedule)
            self.ids[name] = made.id

    def go_on(self, second: int) -> None:
        """Publish, consume and deliver what is due by this second."""
        if self._second < PAUSED_AT <= second:
            self.broker.change_subscription("orders", self.ids["audit"], paused=True)
        if self._second < DOWN_AT <= second:
            self.receiver.is_down = True
            self._last_of_crm = self._order
        wave = 1 + 0.4 * math.sin(second / 400) + 0.3 * self._random.random()
        for topic, rate in RATES.items():
            count = min(60, round(rate * wave * (second - self._second) + self._random.random()))
            self._publish(topic, count)
            if topic not in AUTO:
                self._consume(topic, count, is_last=second >= HOUR)
        self._second = second
        with contextlib.suppress(AssertionError):  # a job under way when the clock moves waits for its lease to end
            until(self._is_delivered, 3)

    def end(self) -> None:
        """Wait until crm has failed more than once, and ledger has refused orders for both reasons, since then too."""
        until(self._is_delivered)
        until(lambda: self._refused(404) and self._refused(422, after=self._last_of_crm))
        until(lambda: self._read("ledger").redeliveries == 0 and self._read("crm").failures > 1)
        self.refused = self._refused(422)[-1].id
        self.broker.publish("orders", {"order": 1, "currency": "EUR"}, key="customer-1")
        until(self._is_delivered)  # the last that ledger got is one that it takes

    def _read(self, name: str) -> Subscription:
        return self.broker.read_subscription("orders", self.ids[name])

    def _refused(self, status: int, after: int = 0) -> list[DeadLetter[Any]]:
        found = self.broker.list_dead_letters(
            "orders", subscription=self.ids["ledger"], reason=f"status {status}", limit=1000
        )
        return [each for each in found.items if each.content["order"] > after]

    def _publish(self, topic: str, count: int) -> None:
        self.broker.publish_many(topic, [self._message(topic) for _ in range(count)])

    def _message(self, topic: str) -> dict[str, object]:
        self._order += 1
        odd = topic == "orders" and self._random.random()
        customer = None if odd and odd < 0.012 else f"customer-{self._random.randint(1, 40)}"
        currency = "CHF" if odd and odd > 0.98 else "EUR"
        city = self._random.choice(CITIES)
        content = {"order": self._order, "total": self._random.randint(900, 24000) / 100, "currency": currency}
        return {
            "content": {**content, "ship_to": {"name": f"till {self._order % 7 + 1}", "city": city}},
            "sender": "checkout",
            "key": customer,
            "attributes": {"kind": f"{topic.removesuffix('s')}.created", "region": "eu"},
        }

    def _consume(self, topic: str, count: int, *, is_last: bool) -> None:
        """Do the work of what was published, and at the end leave some of it."""
        if is_last or count == 0:
            return
        done = self.broker.consume(topic, max=max(1, count - self._random.randint(0, 1)), lease_seconds=HOUR)
        rejected = [each for each in done if each.content["order"] % 37 == 0] if topic == "invoices" else []
        reasons = [REASONS[each.content["order"] % 3 == 0] for each in rejected]
        later = [each for each in done if each.content["order"] % 53 == 0 and each not in rejected]
        self.broker.settle(
            topic,
            ack=[each for each in done if each not in rejected and each not in later],
            reject=[Reject(each.receipt, reason=why) for each, why in zip(rejected, reasons, strict=True)],
            release=[Release(each.receipt, delay_seconds=HOUR) for each in later],
        )

    def _is_delivered(self) -> bool:
        topics = self.broker.read_overview().items
        moved = all(topic.ready.count == 0 for topic in topics if topic.broadcast == "auto")
        return moved and all(
            each.behind == 0 for topic in topics for each in topic.subscriptions if each.name in WORKING
        )
