"""The gateway of the local runner: requests as events of API Gateway, answers of functions as responses, and errors."""

import asyncio
import base64
import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.functions.pool import Pool
from local.gateway.app import Gateway, Server
from local.template.template import Route
from tests.support.runner import ECHO, function, until

# returns the event as its body; for /answer it returns the JSON of the body as its answer
MIRROR = """
import json

def handler(event, context):
    if event["rawPath"] == "/answer":
        return json.loads(event["body"])
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}
"""
GATE = """
import os, time

def handler(event, context):
    open("arrived", "w").close()
    while not os.path.exists("opened"):
        time.sleep(0.005)
"""
NOT_FOUND = {"message": "Not Found"}
TOO_LARGE = {"message": "Request Entity Too Large"}
FAILED = {"message": "Internal Server Error"}
UNAVAILABLE = {"message": "Service Unavailable"}


class Running:
    """A gateway in a thread, with at most two workers, and with the routes that the tests need."""

    def __init__(self, folder):
        mirror = function(folder, MIRROR, name="Mirror")
        self._gate = function(folder, GATE, name="Gate")
        self._routes = [
            Route("GET", "/", mirror),
            Route("POST", "/answer", mirror),
            Route("GET", "/topics/{topic}", mirror),
            Route("GET", "/topics/first", function(folder, ECHO, name="First")),
            Route("POST", "/topics/{topic}/messages", mirror),
            Route("DELETE", "/topics/{topic}/leases/{receipt}", mirror),
            Route("POST", "/topics/{topic}/consume", self._gate),
            Route("POST", "/fail", function(folder, "def handler(event, context): raise KeyError(1)", name="Fail")),
            Route(
                "POST",
                "/sleep",
                function(folder, "import time\ndef handler(*_): time.sleep(60)", name="Sleep", timeout_seconds=1),
            ),
        ]
        self._log = (folder / "log").open("wb")
        self._listening = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=asyncio.run, args=[self._serve()])
        self._thread.start()
        self._listening.wait()

    async def _serve(self):
        pool = Pool(self._log, limit=2, max_wait_seconds=1)
        self._server = Server(Gateway(self._routes, pool), self._listening.set)
        await self._server.serve([self._socket])
        pool.close()

    def stop(self):
        self._server.should_exit = True
        self._thread.join()
        self._log.close()

    def request(self, method, target, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            response.content = response.read()
            return response
        finally:
            connection.close()

    def event(self, *arguments, **options):
        response = self.request(*arguments, **options)
        assert response.status == 200
        return json.loads(response.content)

    def answer(self, value):
        return self.request("POST", "/answer", json.dumps(value), {"Content-Type": "application/json"})

    def wait_for_the_gate(self):
        until((self._gate.folder / "arrived").exists)

    def open_the_gate(self):
        (self._gate.folder / "opened").touch()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("gateway"))
    yield running
    running.stop()


def status_and_json(response):
    return response.status, json.loads(response.content)


def test_a_request_becomes_an_event_of_payload_format_2(gateway):
    event = gateway.event(
        "POST", "/topics/orders/messages?a=1", b"{}", {"Content-Type": "application/json", "User-Agent": "test"}
    )
    context = event["requestContext"]
    host = f"127.0.0.1:{gateway.port}"
    assert context.pop("requestId")
    assert context.pop("time").endswith(" +0000")
    assert isinstance(context.pop("timeEpoch"), int)
    assert event == {
        "version": "2.0",
        "routeKey": "POST /topics/{topic}/messages",
        "rawPath": "/topics/orders/messages",
        "rawQueryString": "a=1",
        "headers": {
            "host": host,
            "accept-encoding": "identity",
            "content-length": "2",
            "content-type": "application/json",
            "user-agent": "test",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": str(gateway.port),
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"a": "1"},
        "pathParameters": {"topic": "orders"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": "127",
            "http": {
                "method": "POST",
                "path": "/topics/orders/messages",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test",
            },
            "routeKey": "POST /topics/{topic}/messages",
            "stage": "$default",
        },
        "body": "{}",
        "isBase64Encoded": False,
    }


def test_an_event_has_no_fields_for_what_the_request_does_not_have(gateway):
    event = gateway.event("GET", "/")
    assert event["rawQueryString"] == ""
    assert not event.keys() & {"body", "cookies", "queryStringParameters", "pathParameters"}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "Application/JSON; charset=utf-8"])
def test_a_text_body_stays_text(gateway, content_type):
    event = gateway.event("POST", "/topics/a/messages", "é\u2028".encode(), {"Content-Type": content_type})
    assert (event["body"], event["isBase64Encoded"]) == ("é\u2028", False)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b'{"content": 1}'),
        ("application/octet-stream", bytes(range(256))),
        ("application/json", b'"\xff"'),
    ],
)
def test_any_other_body_arrives_in_base64(gateway, content_type, body):
    event = gateway.event("POST", "/topics/a/messages", body, {"Content-Type": content_type})
    assert event["isBase64Encoded"]
    assert base64.b64decode(event["body"]) == body


def test_a_request_body_without_a_content_type_is_base64(gateway):
    assert gateway.event("POST", "/topics/a/messages", b"{}")["body"] == "e30="


def test_header_names_are_lower_case_and_repeated_headers_are_joined(gateway):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    connection.putrequest("GET", "/")
    for name, value in (("X-Mixed-Case", "One"), ("X-MIXED-CASE", "Two"), ("Cookie", "a=1; b=2")):
        connection.putheader(name, value)
    connection.endheaders()
    event = json.loads(connection.getresponse().read())
    connection.close()
    assert event["headers"]["x-mixed-case"] == "One,Two"
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


def test_repeated_query_parameters_are_joined_and_decoded(gateway):
    event = gateway.event("GET", "/?a=1&b=%C3%A9+f&a=2&c=")
    assert event["queryStringParameters"] == {"a": "1,2", "b": "é f", "c": ""}
    assert event["rawQueryString"] == "a=1&b=%C3%A9+f&a=2&c="


def test_path_parameters_are_decoded(gateway):
    event = gateway.event("DELETE", "/topics/a%20b/leases/c%2Fd")
    assert event["pathParameters"] == {"topic": "a b", "receipt": "c/d"}
    assert event["rawPath"] == "/topics/a b/leases/c/d"


def test_a_route_without_parameters_has_precedence(gateway):
    assert gateway.event("GET", "/topics/first")["routeKey"] == "GET /topics/first"
    assert gateway.event("GET", "/topics/second")["routeKey"] == "GET /topics/{topic}"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/nowhere"),
        ("PUT", "/topics/a"),
        ("GET", "/topics/"),
        ("GET", "/topics/a/"),
        ("POST", "/topics//messages"),
    ],
)
def test_an_unknown_route_is_not_found(gateway, method, target):
    assert status_and_json(gateway.request(method, target)) == (404, NOT_FOUND)


def test_a_get_route_does_not_serve_head(gateway):
    assert gateway.request("HEAD", "/").status == 404


def test_a_body_over_10_megabytes_is_too_large(gateway):
    body = b"x" * (10 * 1024 * 1024 + 1)
    assert status_and_json(gateway.request("POST", "/topics/a/messages", body)) == (413, TOO_LARGE)


def test_a_request_whose_client_disconnects_invokes_no_function(tmp_path):
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    invocations = []

    async def invoke(*arguments, **_):
        invocations.append(arguments)

    async def receive():
        return messages.pop(0)

    async def send(_):
        pass

    gateway = Gateway([Route("POST", "/", function(tmp_path))], invoke)
    asyncio.run(gateway({"method": "POST", "raw_path": b"/"}, receive, send))
    assert not invocations
    assert not messages


def test_an_event_over_lambdas_6_megabytes_is_too_large(gateway):
    megabytes = 1024 * 1024
    text = {"Content-Type": "text/plain"}
    assert gateway.request("POST", "/fail", b"x" * (6 * megabytes - 2000), text).status == 500
    assert status_and_json(gateway.request("POST", "/fail", b"x" * 6 * megabytes, text)) == (413, TOO_LARGE)
    assert status_and_json(gateway.request("POST", "/fail", b'"' * 4 * megabytes, text)) == (413, TOO_LARGE)


def test_a_function_that_raises_gives_an_internal_error(gateway):
    assert status_and_json(gateway.request("POST", "/fail")) == (500, FAILED)


def test_a_function_that_times_out_gives_an_internal_error(gateway):
    assert status_and_json(gateway.request("POST", "/sleep")) == (500, FAILED)


def test_an_answer_sets_status_headers_cookies_and_body(gateway):
    response = gateway.answer(
        {
            "statusCode": 201,
            "headers": {"Content-Type": "application/problem+json", "X-Number": 3},
            "cookies": ["a=1", "b=2; HttpOnly"],
            "body": "é",
        }
    )
    assert (response.status, response.content) == (201, "é".encode())
    assert response.getheader("content-type") == "application/problem+json"
    assert response.getheader("x-number") == "3"
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2; HttpOnly"]
    assert response.getheader("content-length") == "2"


def test_an_answer_in_base64_is_decoded(gateway):
    assert gateway.answer({"statusCode": "200", "body": "//4=", "isBase64Encoded": True}).content == b"\xff\xfe"


def test_a_response_body_without_a_content_type_is_plain_text(gateway):
    assert gateway.answer({"statusCode": 200, "body": "x"}).getheader("content-type") == "text/plain;charset=UTF-8"


def test_a_204_has_no_body_and_no_content_length(gateway):
    response = gateway.answer({"statusCode": 204})
    assert (response.status, response.content, response.getheader("content-length")) == (204, b"", None)


@pytest.mark.parametrize(
    ("value", "body"), [({"a": 1}, b'{"a": 1}'), ("text", b"text"), ([1], b"[1]"), (None, b"null")]
)
def test_an_answer_without_a_status_is_the_body_of_a_200(gateway, value, body):
    response = gateway.answer(value)
    assert (response.status, response.content) == (200, body)
    assert response.getheader("content-type") == "application/json"


@pytest.mark.parametrize(
    "value",
    [
        {"statusCode": "many"},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["a"]},
    ],
)
def test_an_invalid_answer_gives_an_internal_error(gateway, value):
    assert status_and_json(gateway.answer(value)) == (500, FAILED)


def test_a_response_has_the_id_of_its_request(gateway):
    response = gateway.request("GET", "/")
    assert response.getheader("apigw-requestid") == json.loads(response.content)["requestContext"]["requestId"]
    assert gateway.request("GET", "/nowhere").getheader("apigw-requestid")


def test_long_polls_leave_one_worker_free_and_are_refused_beyond_that(gateway):
    with ThreadPoolExecutor(1) as thread:
        polling = thread.submit(gateway.request, "POST", "/topics/a/consume")
        gateway.wait_for_the_gate()
        assert status_and_json(gateway.request("POST", "/topics/a/consume")) == (503, UNAVAILABLE)
        assert gateway.request("GET", "/").status == 200
        gateway.open_the_gate()
        assert polling.result().status == 200
