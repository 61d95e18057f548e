"""The examples of docs/how-to/receive-webhooks.md, as processes, receive what a real broker sends."""

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import psycopg
import pytest

from examples.client import Broker
from tests.support.client import ROOT
from tests.support.runner import PATIENCE_SECONDS, Running, until
from tests.support.web_apps import LAMBDA_SHAPES, event, from_response

EXAMPLES = ROOT / "examples" / "receivers"
COMMANDS = {
    "asgi": "-m uvicorn asgi_app:orders --port {port}",
    "django": "django_app.py runserver --noreload {port}",
    "fastapi": "-m uvicorn fastapi_app:app --port {port}",
    "flask": "-m flask --app flask_app run --port {port}",
    "wsgi": "wsgi_app.py {port}",
}
EXACTLY_ONCE = "-m flask --app exactly_once run -p {port}"


@pytest.fixture(scope="module")
def broker(running_broker: Running) -> Iterator[Broker]:
    broker = Broker(running_broker.url, running_broker.token)
    with broker.http:
        yield broker


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Subscribed:
    """A topic with a subscription for an example's `/orders`."""

    def __init__(self, broker: Broker, topic: str, port: int, path: str = "orders") -> None:
        self._broker = broker
        self.topic = topic
        subscription = {"url": f"http://127.0.0.1:{port}/{path}", "retry_schedule": [1] * 20}
        created = broker.request("POST", f"/topics/{topic}/subscriptions", subscription)
        self.id, self.secret = created["id"], created["secret"]

    def push(self, *contents: Any) -> list[str]:
        ids = self._broker.publish_many(self.topic, [{"content": each} for each in contents])
        self._broker.broadcast(self.topic)
        return ids

    def attempts(self) -> list[dict[str, Any]]:
        return list(self._broker.request("GET", f"/topics/{self.topic}/subscriptions/{self.id}/attempts")["items"])

    def states(self, ids: list[str]) -> list[str]:
        shown = [self._broker.request("GET", f"/topics/{self.topic}/messages/{each}") for each in ids]
        return [each["deliveries"][0]["state"] for each in shown]

    def wait_for(self, ids: list[str], *states: str) -> None:
        until(lambda: self.states(ids) == list(states))


@contextlib.contextmanager
def program(command: str, port: int, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, *command.format(port=port).split()],
        cwd=EXAMPLES,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "client"), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        guard = threading.Timer(PATIENCE_SECONDS, process.kill)
        guard.start()
        try:
            until(lambda: process.poll() is not None or _listens(port))
            yield process
        finally:
            guard.cancel()
            process.terminate()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def next_line(process: "subprocess.Popen[str]", beginning: str) -> str:
    """Read on to a line that begins so; servers print others."""
    assert process.stdout
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if line.startswith(beginning):
            return line.rstrip()
    raise AssertionError("".join(said))


@pytest.mark.parametrize(
    "name", ["wsgi", *(pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS if name != "wsgi")]
)
def test_an_example_receives_what_is_pushed(name, broker, port):
    subscribed = Subscribed(broker, f"to-{name}", port)
    with program(COMMANDS[name], port, SECRET=subscribed.secret) as process:
        ids = subscribed.push({"order": 1}, "Ästhetik")
        assert next_line(process, "1 ") == "1 {'order': 1}"
        assert next_line(process, "2 ") == "2 Ästhetik"
        subscribed.wait_for(ids, "delivered", "delivered")
    assert [each["status"] for each in subscribed.attempts()] == [200]


@pytest.fixture
def lambda_example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    def load(secret: str) -> ModuleType:
        monkeypatch.setenv("SECRET", secret)
        spec = importlib.util.spec_from_file_location("of_lambda", EXAMPLES / "aws_lambda.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@contextlib.contextmanager
def gateway(port: int, handler: Callable[..., Any], shape: str, *, encoded: bool) -> Iterator[None]:
    """An HTTP server that invokes a Lambda function, as API Gateway and its like do."""

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            reply = from_response(handler(event(shape, body, dict(self.headers), encoded=encoded), None))
            self.send_response(reply.status)
            for name, value in {**reply.headers, "content-length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Print no line for each request."""

    with ThreadingHTTPServer(("127.0.0.1", port), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("encoded", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize("shape", LAMBDA_SHAPES)
def test_the_lambda_example_receives_what_is_pushed(shape, encoded, broker, port, lambda_example, capsys):
    subscribed = Subscribed(broker, f"lambda-{LAMBDA_SHAPES.index(shape)}-{encoded}", port)
    with gateway(port, lambda_example(subscribed.secret).orders, shape, encoded=encoded):
        ids = subscribed.push({"order": 1}, "Ästhetik")
        subscribed.wait_for(ids, "delivered", "delivered")
    assert capsys.readouterr().out == "1 {'order': 1}\n2 Ästhetik\n"
    assert [each["status"] for each in subscribed.attempts()] == [200]


@pytest.mark.slow
def test_with_a_wrong_secret_nothing_is_lost_and_the_attempts_say_why(broker, port):
    subscribed = Subscribed(broker, "wrong-secret", port)
    with program(COMMANDS["wsgi"], port, SECRET="whsec_d3Jvbmc="):
        ids = subscribed.push(1, 2)
        until(subscribed.attempts)
        assert subscribed.attempts()[0]["status"] == 503
        assert "no signature fits" in subscribed.attempts()[0]["answer"]
    with program(COMMANDS["wsgi"], port, SECRET=subscribed.secret) as process:
        assert next_line(process, "1 ") == "1 1"
        assert next_line(process, "2 ") == "2 2"
        subscribed.wait_for(ids, "delivered", "delivered")


@pytest.mark.slow
def test_an_effect_of_the_example_happens_exactly_once(broker, port, database_url):
    """The stock has one apple, so the second order fails until there is another, alone or with what came beside it."""
    subscribed = Subscribed(broker, "exactly-once", port, "one-by-one")
    with (
        psycopg.connect(database_url, autocommit=True, options="-c search_path=public") as owner,
        program(EXACTLY_ONCE, port, SECRET=subscribed.secret, DATABASE=f"{database_url}"),
    ):
        try:
            owner.execute("INSERT INTO stock VALUES ('apple', 1), ('pear', 1)")
            ids = subscribed.push({"item": "apple"}, {"item": "apple"}, {"item": "pear"})
            subscribed.wait_for(ids, "delivered", "refused", "delivered")
            assert _stock(owner) == {"apple": 0, "pear": 0}

            owner.execute("UPDATE stock SET count = 5")
            subscribed.wait_for(ids, "delivered", "delivered", "delivered")
            assert _stock(owner) == {"apple": 4, "pear": 5}
        finally:
            owner.execute("DROP TABLE stock, webhooks_seen")


def _stock(owner: psycopg.Connection[Any]) -> dict[str, int]:
    return dict(owner.execute("SELECT item, count FROM stock").fetchall())
