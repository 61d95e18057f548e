"""Move the ready messages of a topic's queue to its log, and have Dispatch push them to the subscriptions."""

from http import HTTPStatus

from broker import api
from broker.dispatch import notifier
from broker.pubsub import broadcasts

app = api.Application(notify=notifier.notify)
handler = app.handler


@app.route("POST /topics/{topic}/broadcast", scope="broadcast")
def broadcast(request: api.Request) -> api.Response:
    asked = request.query(broadcasts.StartBroadcast)
    moved = broadcasts.broadcast(request.topic, asked)
    request.due = moved.due
    return api.done(moved, HTTPStatus.OK if asked.dry_run else HTTPStatus.ACCEPTED)
