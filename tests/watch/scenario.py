"""A day of a broker in a second: something of everything that is counted happens."""

import json

import pytest

from broker import authorization, settings
from broker.schema import maintenance
from tests.support.client import Client
from tests.support.endpoints import Endpoint
from tests.support.sqs import Queues, deliver, dispatch
from tests.support.topic import Topic

LONG_AGO = "2020-01-01T00:00:00Z"


def live(client: Client, orders: Topic, queues: Queues, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish, consume, broadcast, deliver, fail, expire, disable, lose and break, each at least once."""
    _consume(client)
    _push(client, orders, queues, endpoint)
    _expire(client, queues)
    _lose(orders)
    _break(client, monkeypatch)


def _consume(client: Client) -> None:
    client.post("/topics/tasks/messages", {"messages": [{"content": 1}, {"content": 2}]})
    leased = client.post("/topics/tasks/consume").json["messages"]
    done, dead = (message["receipt"] for message in leased)
    client.post("/topics/tasks/settle", {"ack": [done], "reject": [dead]})


def _push(client: Client, orders: Topic, queues: Queues, endpoint: Endpoint) -> None:
    client.post("/topics/news/subscriptions", {"url": endpoint.url})
    client.post("/topics/news/subscriptions", {"url": f"{endpoint.url}/never"})
    endpoint.answer(410, path="/never")
    client.post("/topics/news/messages", {"content": "a"})
    client.post("/topics/news/broadcast")
    orders._owner.execute("UPDATE log SET broadcast_at = now() - interval '90 s'")
    queues.run()


def _expire(client: Client, queues: Queues) -> None:
    client.post("/topics/news/messages", {"content": "b"})
    client.post("/topics/news/broadcast")
    dispatch(*queues.dispatch.take())
    [job] = queues.delivery.take()
    job["body"] = json.dumps({**json.loads(job["body"]), "planned_at": LONG_AGO})
    deliver(job)
    queues.run()


def _lose(orders: Topic) -> None:
    subscribed = orders.subscribe("http://127.0.0.1:8000/", backlog_days=1)
    orders.change(subscribed, paused=True)
    orders.publish("c")
    orders.broadcast()
    orders._owner.execute("UPDATE log_spans SET broadcast_at = now() - interval '2 days'")
    maintenance.maintain()


def _break(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TOKEN_KEYS", "")
        settings.token_keys.cache_clear()
        authorization.forget()
        client.get("/topics")
    settings.token_keys.cache_clear()
