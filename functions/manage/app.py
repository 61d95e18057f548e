"""Topics, what waits in them, what was sent, tokens, and the broker itself."""

from http import HTTPStatus
from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec

import broker
from broker import api, database, fields, pagination, tokens, topics
from broker.dispatch import notifier
from broker.pubsub import attempts
from broker.queue import browsing, dead_letters

app = api.Application()
handler = app.handler


class TopicPage(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a list of topics."""

    limit: pagination.Limit = 100
    after: fields.TopicName | None = None


class AttemptPage(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a list of attempts."""

    limit: pagination.Limit = 100
    after: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)] | None = None


class TokenPage(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a list of tokens."""

    limit: pagination.Limit = 100
    after: UUID | None = None


class Force(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a topic's deletion."""

    force: bool = False


class Health(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a health check."""

    database: bool = False


@app.route("GET /", scope=None)
def root(_call: api.Call) -> api.Answer:
    links = {"health": "/health", "contract": "/openapi.json", "topics": "/topics"}
    return api.ok({"name": "broker", "version": broker.__version__, "links": links})


@app.route("GET /health", scope=None)
def health(call: api.Call) -> api.Answer:
    if call.query(Health).database:
        call.authorize("manage")
        database.ping()
    return api.ok({"status": "ok"})


@app.route("GET /openapi.json", scope=None)
def contract(_call: api.Call) -> api.Answer:
    return api.ok((Path(__file__).parent / "openapi.json").read_text())


@app.route("GET /topics", scope="browse")
def list_topics(call: api.Call) -> api.Answer:
    page = call.query(TopicPage)
    return api.page(topics.listed(call.token.topics, page.after, page.limit + 1), page.limit, "name")


@app.route("GET /topics/{topic}", scope="browse")
def read_topic(call: api.Call) -> api.Answer:
    return api.ok(topics.read(call.topic))


@app.route("PUT /topics/{topic}", scope="manage")
def put_topic(call: api.Call) -> api.Answer:
    wish = call.body(topics.Put)
    created = topics.put(call.topic, wish)
    if wish.broadcast == "auto":
        notifier.notify(call.topic)
    return api.ok(topics.read(call.topic), HTTPStatus.CREATED if created else HTTPStatus.OK)


@app.route("PATCH /topics/{topic}", scope="manage")
def change_topic(call: api.Call) -> api.Answer:
    wish = call.body(topics.Patch)
    topics.change(call.topic, wish)
    if wish.broadcast == "auto":
        notifier.notify(call.topic)
    return api.ok(topics.read(call.topic))


@app.route("DELETE /topics/{topic}", scope="manage")
def delete_topic(call: api.Call) -> api.Answer:
    topics.delete(call.topic, force=call.query(Force).force)
    return api.no_content()


@app.route("GET /topics/{topic}/messages", scope="browse")
def browse(call: api.Call) -> api.Answer:
    found, after = browsing.browse(call.topic, call.query(browsing.Browse))
    return api.ok({"items": found, "next": after})


@app.route("GET /topics/{topic}/messages/{id}", scope="browse")
def read_message(call: api.Call) -> api.Answer:
    return api.ok(browsing.trace(call.topic, call.id()))


@app.route("DELETE /topics/{topic}/messages/{id}", scope="manage")
def cancel(call: api.Call) -> api.Answer:
    browsing.cancel(call.topic, call.id())
    return api.no_content()


@app.route("GET /topics/{topic}/dead-letters", scope="browse")
def list_dead_letters(call: api.Call) -> api.Answer:
    found, after = dead_letters.listed(call.topic, call.query(dead_letters.List))
    return api.ok({"items": found, "next": after})


@app.route("POST /topics/{topic}/dead-letters/redrive", scope="manage")
def redrive(call: api.Call) -> api.Answer:
    done = dead_letters.redrive(call.topic, call.body(dead_letters.Redrive))
    call.count = done.redriven
    notifier.notify(call.topic)
    return api.ok(done)


@app.route("DELETE /topics/{topic}/dead-letters", scope="manage")
def delete_dead_letters(call: api.Call) -> api.Answer:
    return api.ok(dead_letters.delete(call.topic, call.query(dead_letters.Delete)))


@app.route("GET /topics/{topic}/subscriptions/{id}/attempts", scope="manage")
def list_attempts(call: api.Call) -> api.Answer:
    page = call.query(AttemptPage)
    return api.page(attempts.listed(call.topic, call.id(), page.after, page.limit + 1), page.limit, "id")


@app.route("GET /tokens", scope="tokens")
def list_tokens(call: api.Call) -> api.Answer:
    page = call.query(TokenPage)
    return api.page(tokens.listed(page.after, page.limit + 1), page.limit, "id")


@app.route("POST /tokens", scope="tokens")
def mint(call: api.Call) -> api.Answer:
    return api.ok(tokens.mint(call.body(tokens.Mint), call.token), HTTPStatus.CREATED)


@app.route("GET /tokens/{id}", scope="tokens")
def read_token(call: api.Call) -> api.Answer:
    return api.ok(tokens.read(call.id()))


@app.route("DELETE /tokens/{id}", scope="tokens")
def revoke(call: api.Call) -> api.Answer:
    tokens.revoke(call.id(), call.token)
    return api.no_content()
