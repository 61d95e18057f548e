"""Move what is ready in a topic's queue to its log, and have it pushed to the subscriptions."""

from http import HTTPStatus

from broker import api
from broker.dispatch import notifier
from broker.pubsub import broadcasts

app = api.Application()
handler = app.handler


@app.route("POST /topics/{topic}/broadcast", scope="broadcast")
def broadcast(call: api.Call) -> api.Answer:
    moved = broadcasts.broadcast(call.topic)
    call.count = moved.messages
    notifier.notify(call.topic)
    return api.ok(moved, HTTPStatus.ACCEPTED)
