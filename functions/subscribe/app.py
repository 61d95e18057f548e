"""Keep the webhooks that a topic's broadcasts go to."""

from http import HTTPStatus
from uuid import UUID

import msgspec

from broker import api, pagination
from broker.dispatch import notifier
from broker.pubsub import secrets, subscriptions

app = api.Application()
handler = app.handler


class Page(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a list of subscriptions."""

    limit: pagination.Limit = 100
    after: UUID | None = None


class Url(msgspec.Struct, forbid_unknown_fields=True):
    """The query of an unsubscribe by url."""

    url: str


@app.route("POST /topics/{topic}/subscriptions", scope="subscribe")
def subscribe(call: api.Call) -> api.Answer:
    found = subscriptions.subscribe(call.topic, call.body(subscriptions.Subscribe))
    answer = {"id": found.id, "broadcast": found.broadcast}
    if found.created:
        notifier.notify(call.topic)
        return api.ok({**answer, "secret": found.secret}, HTTPStatus.CREATED)
    return api.ok(answer)


@app.route("GET /topics/{topic}/subscriptions", scope="subscribe")
def list_subscriptions(call: api.Call) -> api.Answer:
    page = call.query(Page)
    return api.page(subscriptions.listed(call.topic, page.after, page.limit + 1), page.limit, "id")


@app.route("DELETE /topics/{topic}/subscriptions", scope="subscribe")
def unsubscribe_url(call: api.Call) -> api.Answer:
    subscriptions.unsubscribe(call.topic, url=call.query(Url).url)
    return api.no_content()


@app.route("GET /topics/{topic}/subscriptions/{id}", scope="subscribe")
def read(call: api.Call) -> api.Answer:
    return api.ok(subscriptions.read(call.topic, call.id()))


@app.route("PATCH /topics/{topic}/subscriptions/{id}", scope="subscribe")
def change(call: api.Call) -> api.Answer:
    changes = call.body(subscriptions.Change)
    subscriptions.change(call.topic, call.id(), changes)
    if changes.resumes():
        notifier.notify(call.topic)
    return api.ok(subscriptions.read(call.topic, call.id()))


@app.route("POST /topics/{topic}/subscriptions/{id}/rotate-secret", scope="subscribe")
def rotate_secret(call: api.Call) -> api.Answer:
    return api.ok(secrets.rotate_secret(call.topic, call.id(), call.body(secrets.Rotate)))


@app.route("DELETE /topics/{topic}/subscriptions/{id}", scope="subscribe")
def unsubscribe(call: api.Call) -> api.Answer:
    subscriptions.unsubscribe(call.topic, call.id())
    return api.no_content()
