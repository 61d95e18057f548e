"""Store a topic's messages: one, or up to 1,000 at once, all or nothing."""

from http import HTTPStatus

from broker import api
from broker.dispatch import notifier
from broker.queue import messages

app = api.Application()
handler = app.handler


@app.route("POST /topics/{topic}/messages", scope="publish")
def publish(call: api.Call) -> api.Answer:
    body = call.octets()
    publication = messages.publication(body)
    idempotency = messages.idempotency(call.header("idempotency-key"), call.token.id, body)
    published = messages.publish(call.topic, publication, call.token.name, idempotency)
    if published.unseen:
        notifier.notify(call.topic)
    call.count = 0 if published.replayed else len(published.ids)
    answer = {"ids": published.ids} if publication.many else {"id": published.ids[0]}
    return api.ok(answer, HTTPStatus.CREATED, {"Idempotency-Replayed": "true"} if published.replayed else {})
