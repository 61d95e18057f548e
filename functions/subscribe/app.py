"""Subscribe webhooks to a topic; list, change and remove them."""

from http import HTTPStatus
from uuid import UUID

import msgspec

from broker import api, pagination
from broker.dispatch import notifier
from broker.pubsub import reading, secrets, subscriptions

app = api.Application(notify=notifier.notify)
handler = app.handler


class Page(pagination.Query, forbid_unknown_fields=True):
    """The query of a list of subscriptions."""

    after: UUID | None = None


class Url(msgspec.Struct, forbid_unknown_fields=True):
    """The query of an unsubscribe by url."""

    url: str


@app.route("POST /topics/{topic}/subscriptions", scope="subscribe")
def subscribe(request: api.Request) -> api.Response:
    found = subscriptions.subscribe(request.topic, request.body(subscriptions.Subscribe), request.token.id)
    request.due = found.due
    answer = {"id": found.id, "broadcast": found.broadcast}
    if found.created:
        return api.ok({**answer, "secret": found.secret}, HTTPStatus.CREATED)
    return api.ok(answer)


@app.route("GET /topics/{topic}/subscriptions", scope=("browse", "subscribe"))
def list_subscriptions(request: api.Request) -> api.Response:
    page = request.query(Page)
    whole = "subscribe" in request.token.scopes
    return api.page(reading.list_subscriptions(request.topic, page.after, page.limit, whole=whole))


@app.route("DELETE /topics/{topic}/subscriptions", scope="subscribe")
def unsubscribe_url(request: api.Request) -> api.Response:
    subscriptions.unsubscribe(request.topic, url=request.query(Url).url)
    return api.no_content()


@app.route("GET /topics/{topic}/subscriptions/{id}", scope=("browse", "subscribe"))
def read(request: api.Request) -> api.Response:
    whole = "subscribe" in request.token.scopes
    return api.ok(reading.read(request.topic, request.id(), whole=whole))


@app.route("PATCH /topics/{topic}/subscriptions/{id}", scope="subscribe")
def change(request: api.Request) -> api.Response:
    request.due = subscriptions.change(request.topic, request.id(), request.body(subscriptions.Change))
    return api.ok(reading.read(request.topic, request.id()))


@app.route("POST /topics/{topic}/subscriptions/{id}/rotate-secret", scope="subscribe")
def rotate_secret(request: api.Request) -> api.Response:
    return api.ok(secrets.rotate_secret(request.topic, request.id(), request.body(secrets.Rotate)))


@app.route("POST /topics/{topic}/subscriptions/{id}/test", scope="subscribe")
def test(request: api.Request) -> api.Response:
    webhook_id = subscriptions.test(request.topic, request.id())
    notifier.send_test(webhook_id)
    return api.ok({"webhook_id": webhook_id}, HTTPStatus.ACCEPTED)


@app.route("DELETE /topics/{topic}/subscriptions/{id}", scope="subscribe")
def unsubscribe(request: api.Request) -> api.Response:
    subscriptions.unsubscribe(request.topic, request.id())
    return api.no_content()
