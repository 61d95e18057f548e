"""The receivers of all frameworks answer alike: what the handler returns, 503 to a stranger, 5xx after an exception."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

import pytest
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from fastapi import Body, Depends, FastAPI
from fastapi.exceptions import FastAPIError
from flask import Flask
from starlette.applications import Starlette
from starlette.routing import Route

from pgbroker.webhooks import Answer, Delivery, abort, asgi, aws_lambda, failed, fastapi, gone, later, slow_down, wsgi
from pgbroker.webhooks import django as of_django
from pgbroker.webhooks import flask as of_flask
from pgbroker.webhooks.receiving import MAX_BODY
from tests.client.webhooks.deliveries import OTHER, SECRET, body, message, signed
from tests.support import django as support_django
from tests.support.web_apps import LAMBDA_SHAPES, Reply, ask_asgi, ask_lambda, ask_wsgi

BODY = body(message(1), message(2))
FAILED = message(2)["id"]


@dataclass
class Handler:
    """A handler that notes its deliveries, and answers as the test says."""

    answers: Callable[[], Any] = lambda: None
    deliveries: list[Delivery] = field(default_factory=list)

    def __call__(self, delivery: Delivery) -> Any:
        self.deliveries.append(delivery)
        return self.answers()

    async def awaited(self, delivery: Delivery) -> Any:
        return self(delivery)


def bare_asgi(handler: Handler) -> Any:
    return partial(ask_asgi, asgi.webhook(SECRET)(handler.awaited))


def bare_asgi_in_a_thread(handler: Handler) -> Any:
    return partial(ask_asgi, asgi.webhook(SECRET)(handler))


def bare_wsgi(handler: Handler) -> Any:
    return partial(ask_wsgi, wsgi.webhook(SECRET)(handler))


def bare_wsgi_chunked(handler: Handler) -> Any:
    return partial(ask_wsgi, wsgi.webhook(SECRET)(handler), chunked=True)


def of_starlette(handler: Handler) -> Any:
    return partial(ask_asgi, Starlette(routes=[Route("/", asgi.webhook(SECRET)(handler.awaited), methods=["POST"])]))


def of_fastapi(handler: Handler) -> Any:
    app = FastAPI()

    @app.post("/")
    def receive(delivery: Annotated[Delivery, Depends(fastapi.webhook(SECRET))]) -> Any:
        answer = handler(delivery)
        return fastapi.respond(answer) if isinstance(answer, Answer) else answer

    return partial(ask_asgi, app)


def of_fastapi_awaited(handler: Handler) -> Any:
    """With a second parameter that reads the body too, which FastAPI does first."""
    app = FastAPI()

    @app.post("/")
    async def receive(
        delivery: Annotated[Delivery, Depends(fastapi.webhook(SECRET))], also: Annotated[Any, Body()] = None
    ) -> Any:
        answer = await handler.awaited(delivery)
        return fastapi.respond(answer) if isinstance(answer, Answer) else answer

    return partial(ask_asgi, app)


def of_flask_app(handler: Handler) -> Any:
    app = Flask("receiver")
    app.add_url_rule("/", view_func=of_flask.webhook(SECRET)(handler.__call__), methods=["POST"])
    return partial(ask_wsgi, app)


def of_flask_awaited(handler: Handler) -> Any:
    app = Flask("receiver")
    app.add_url_rule("/", view_func=of_flask.webhook(SECRET)(handler.awaited), methods=["POST"])
    return partial(ask_wsgi, app, chunked=True)


def of_django_wsgi(handler: Handler) -> Any:
    support_django.serve(of_django.webhook(SECRET)(lambda request, delivery: handler(delivery)))
    return partial(ask_wsgi, get_wsgi_application())


def of_django_asgi(handler: Handler) -> Any:
    async def view(request: Any, delivery: Delivery) -> Any:
        return await handler.awaited(delivery)

    support_django.serve(of_django.webhook(SECRET)(view))
    return partial(ask_asgi, get_asgi_application())


def of_lambda(shape: str, *, encoded: bool) -> Callable[[Handler], Any]:
    return lambda handler: partial(ask_lambda, aws_lambda.webhook(SECRET)(handler), shape=shape, encoded=encoded)


RECEIVERS = {
    "asgi": bare_asgi,
    "asgi in a thread": bare_asgi_in_a_thread,
    "wsgi": bare_wsgi,
    "wsgi chunked": bare_wsgi_chunked,
    "starlette": of_starlette,
    "fastapi": of_fastapi,
    "fastapi awaited": of_fastapi_awaited,
    "flask": of_flask_app,
    "flask awaited, chunked": of_flask_awaited,
    "django wsgi": of_django_wsgi,
    "django asgi": of_django_asgi,
    **{f"lambda: {shape}": of_lambda(shape, encoded=False) for shape in LAMBDA_SHAPES},
    **{f"lambda: {shape}, base64": of_lambda(shape, encoded=True) for shape in LAMBDA_SHAPES},
}


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture(params=RECEIVERS)
def ask(request: pytest.FixtureRequest, handler: Handler) -> Callable[..., Reply]:
    return RECEIVERS[request.param](handler)


def test_a_webhook_reaches_the_handler(ask, handler):
    assert ask(BODY, signed(BODY)).status == 200
    [delivery] = handler.deliveries
    assert [each.seq for each in delivery.messages] == [1, 2]
    assert delivery.messages[0].content == {"order": 1, "customer": "Ästhetik"}


def test_the_answer_of_the_handler_is_sent(ask, handler):
    for answer in (failed([FAILED]), abort("nö"), slow_down(7), later(9), later(), gone()):
        handler.answers = lambda answer=answer: answer
        reply = ask(BODY, signed(BODY))
        assert (reply.status, reply.body) == (answer.status, answer.body)
        assert answer.headers.items() <= reply.headers.items()


def test_a_stranger_is_answered_503_and_no_handler_is_called(ask, handler, caplog):
    for headers in (signed(BODY, OTHER), {"webhook-id": "1"}):
        reply = ask(BODY, headers)
        assert reply.status == 503
    assert "no signature fits" in ask(BODY, signed(BODY, OTHER)).body.decode()
    assert ask(b"{}", signed(b"{}")).status == 400
    assert handler.deliveries == []
    assert "a request is not a webhook: no signature fits" in caplog.text


def test_a_test_is_answered_200_and_no_handler_is_called(ask, handler):
    content = body(message(0), test=True)
    reply = ask(content, signed(content))
    assert (reply.status, "a test: its signature fits" in reply.body.decode()) == (200, True)
    assert ask(content, signed(content, OTHER)).status == 503
    assert handler.deliveries == []


def test_a_large_body_is_answered_413(ask, handler):
    large = b" " * (MAX_BODY + 1)
    assert ask(large, signed(large)).status == 413
    assert handler.deliveries == []


def test_an_exception_of_the_handler_is_a_5xx_so_the_batch_comes_again(ask, handler):
    def fail() -> None:
        raise ZeroDivisionError

    handler.answers = fail
    assert _status_or_raised(ask) == 500


@pytest.mark.parametrize("receiver", [each for each in RECEIVERS if "fastapi" not in each])
def test_what_is_no_answer_is_a_5xx_too(receiver, handler):
    handler.answers = lambda: {"failed": [FAILED]}
    assert _status_or_raised(RECEIVERS[receiver](handler)) == 500


def _status_or_raised(ask: Callable[..., Reply]) -> int:
    """500 when the exception reaches the server of a bare app, or AWS Lambda: then these answer 5xx."""
    try:
        return ask(BODY, signed(BODY)).status
    except (ZeroDivisionError, TypeError):
        return 500


@pytest.mark.parametrize("module", [asgi, aws_lambda, of_django, fastapi, of_flask, wsgi])
def test_a_wrong_secret_ends_the_program_when_it_starts(module):
    with pytest.raises(ValueError, match="secret"):
        module.webhook("")
    module.webhook(lambda: "")


def test_an_answer_that_was_not_made_a_response_of_fastapi_is_never_a_200():
    def typed() -> Answer:
        return abort()

    def untyped():
        return abort()

    app = FastAPI()
    with pytest.raises(FastAPIError):
        app.post("/")(typed)
    app.post("/")(untyped)
    with pytest.raises((TypeError, ValueError)):
        ask_asgi(app, BODY, {})


def test_the_views_of_flask_and_django_get_what_the_path_has():
    shops: list[str] = []
    app = Flask("receiver")
    app.post("/<shop>/")(of_flask.webhook(SECRET)(lambda _delivery, shop: shops.append(shop)))
    assert ask_wsgi(app, BODY, signed(BODY), path="/one/").status == 200
    support_django.serve(of_django.webhook(SECRET)(lambda _request, _delivery, shop: shops.append(shop)))
    assert ask_wsgi(get_wsgi_application(), BODY, signed(BODY), path="/two/").status == 200
    assert shops == ["one", "two"]


def test_lifespan_is_not_the_business_of_a_bare_app():
    with pytest.raises(NotImplementedError):
        asyncio.run(asgi.webhook(SECRET)(Handler())({"type": "lifespan"}, None, None))
