"""Topics, messages, dead letters, attempts, tokens, and the broker itself."""

from http import HTTPStatus
from uuid import UUID

import msgspec

import broker
from broker import api, database, fields, finding, overview, pagination, rates, tokens, topics
from broker.dispatch import notifier
from broker.pubsub import attempts, resends
from broker.queue import browsing, dead_letters, history

app = api.Application(notify=notifier.notify)
handler = app.handler


class TopicPage(pagination.Query, forbid_unknown_fields=True):
    """The query of a list of topics."""

    after: fields.TopicName | None = None
    search: fields.TopicName | None = None


class TokenPage(pagination.Query, forbid_unknown_fields=True):
    """The query of a list of tokens."""

    after: UUID | None = None


class Health(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a health check."""

    database: bool = False


@app.route("GET /", scope=None)
def root(_request: api.Request) -> api.Response:
    links = {"health": "/health", "contract": "/openapi.json", "console": "/console", "topics": "/topics"}
    return api.ok({"name": "pgbroker", "version": broker.__version__, "links": links})


@app.route("GET /health", scope=None)
def health(request: api.Request) -> api.Response:
    if request.query(Health).database:
        request.authorize("manage")
        database.ping()
    return api.ok({"status": "ok"})


@app.route("GET /topics", scope="browse")
def list_topics(request: api.Request) -> api.Response:
    page = request.query(TopicPage)
    return api.page(topics.list_topics(request.token.topics, page.after, page.limit, page.search))


@app.route("GET /topics/{topic}", scope="browse")
def read_topic(request: api.Request) -> api.Response:
    return api.ok(topics.read(request.topic))


@app.route("PUT /topics/{topic}", scope="manage")
def put_topic(request: api.Request) -> api.Response:
    saved = topics.put(request.topic, request.body(topics.Put), request.token.id)
    request.due = saved.due
    return api.ok(topics.read(request.topic), HTTPStatus.CREATED if saved.created else HTTPStatus.OK)


@app.route("PATCH /topics/{topic}", scope="manage")
def change_topic(request: api.Request) -> api.Response:
    request.due = topics.change(request.topic, request.body(topics.Patch))
    return api.ok(topics.read(request.topic))


@app.route("DELETE /topics/{topic}", scope="manage")
def delete_topic(request: api.Request) -> api.Response:
    counted = topics.delete(request.topic, request.query(topics.Delete))
    return api.ok(counted) if counted else api.no_content()


@app.route("GET /topics/{topic}/messages", scope="browse")
def browse(request: api.Request) -> api.Response:
    return api.page(browsing.browse(request.topic, request.query(browsing.Browse)))


@app.route("GET /topics/{topic}/messages/{id}", scope="browse")
def trace(request: api.Request) -> api.Response:
    whole = "subscribe" in request.token.scopes
    return api.ok(browsing.trace(request.topic, request.id(), whole=whole))


@app.route("DELETE /topics/{topic}/messages/{id}", scope="manage")
def cancel(request: api.Request) -> api.Response:
    browsing.cancel(request.topic, request.id())
    return api.no_content()


@app.route("POST /topics/{topic}/messages/{id}/resend", scope="manage")
def resend(request: api.Request) -> api.Response:
    resent = resends.resend(request.topic, request.id(), request.body(resends.Resend))
    request.due = True
    return api.ok(resent, HTTPStatus.ACCEPTED)


@app.route("GET /topics/{topic}/history", scope="browse")
def list_history(request: api.Request) -> api.Response:
    return api.page(history.list_history(request.topic, request.query(history.List)))


@app.route("GET /overview", scope="browse")
def read_overview(request: api.Request) -> api.Response:
    whole = "subscribe" in request.token.scopes
    return api.ok(overview.read(request.token.topics, request.query(overview.Read), whole=whole))


@app.route("GET /topics/{topic}/rates", scope="browse")
def list_rates(request: api.Request) -> api.Response:
    return api.ok(rates.list_rates(request.topic, request.query(rates.List)))


@app.route("GET /find/{id}", scope="browse")
def find(request: api.Request) -> api.Response:
    return api.ok(finding.find(request.id(), request.token))


@app.route("GET /topics/{topic}/dead-letters", scope="browse")
def list_dead_letters(request: api.Request) -> api.Response:
    return api.page(dead_letters.list_dead_letters(request.topic, request.query(dead_letters.List)))


@app.route("POST /topics/{topic}/dead-letters/redrive", scope="manage")
def redrive(request: api.Request) -> api.Response:
    done = dead_letters.redrive(request.topic, request.body(dead_letters.Redrive))
    request.due = done.due
    return api.done(done)


@app.route("DELETE /topics/{topic}/dead-letters", scope="manage")
def delete_dead_letters(request: api.Request) -> api.Response:
    return api.ok(dead_letters.delete(request.topic, request.query(dead_letters.Delete)))


@app.route("GET /topics/{topic}/subscriptions/{id}/attempts", scope=("browse", "manage"))
def list_attempts(request: api.Request) -> api.Response:
    whole = "manage" in request.token.scopes
    return api.page(attempts.list_attempts(request.topic, request.id(), request.query(attempts.List), answers=whole))


@app.route("GET /tokens", scope="tokens")
def list_tokens(request: api.Request) -> api.Response:
    page = request.query(TokenPage)
    return api.page(tokens.list_tokens(page.after, page.limit))


@app.route("POST /tokens", scope="tokens")
def mint(request: api.Request) -> api.Response:
    return api.ok(tokens.mint(request.body(tokens.Mint), request.token), HTTPStatus.CREATED)


@app.route("GET /tokens/self", scope="any")
def read_own_token(request: api.Request) -> api.Response:
    return api.ok(request.token)


@app.route("GET /tokens/{id}", scope="tokens")
def read_token(request: api.Request) -> api.Response:
    return api.ok(tokens.read(request.id()))


@app.route("DELETE /tokens/{id}", scope="tokens")
def revoke(request: api.Request) -> api.Response:
    tokens.revoke(request.id(), request.token)
    return api.no_content()
