"""Store messages in a topic: one, or up to 1,000 at once, all or none."""

from http import HTTPStatus

from broker import api
from broker.dispatch import notifier
from broker.queue import messages

app = api.Application(notify=notifier.notify)
handler = app.handler


@app.route("POST /topics/{topic}/messages", scope="publish")
def publish(request: api.Request) -> api.Response:
    body = request.raw_body()
    publication = messages.publication(body)
    idempotency = messages.idempotency(request.header("idempotency-key"), body)
    published = messages.publish(request.topic, publication, request.token.name, request.token.id, idempotency)
    request.due = published.due
    answer = {"ids": published.ids} if publication.many else {"id": published.ids[0]}
    return api.ok(answer, HTTPStatus.CREATED, {"Idempotency-Replayed": "true"} if published.replayed else {})
