"""Store a topic's messages: one, or up to 1,000 at once, all or nothing."""

from http import HTTPStatus

from broker import api, messages

app = api.Application()
handler = app.handler


@app.route("POST /topics/{topic}/messages", scope="publish")
def publish(call: api.Call) -> api.Answer:
    publication = messages.publication(call.octets())
    published = messages.publish(call.topic, publication, call.token.name)
    call.count = len(published.ids)
    answer = {"ids": published.ids} if publication.many else {"id": published.ids[0]}
    return api.ok(answer, HTTPStatus.CREATED)
