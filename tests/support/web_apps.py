"""Requests to a web app in this process, as its server makes them: ASGI, WSGI, and the events of AWS Lambda."""

import asyncio
import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

CHUNK = 1 << 16


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


def ask_asgi(app: Any, body: bytes, headers: Mapping[str, str]) -> Reply:
    """POST a body to an ASGI app, in chunks."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    chunks = [body[start : start + CHUNK] for start in range(0, len(body), CHUNK)] or [b""]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not chunks:  # the client stays until it has its response
            await asyncio.Event().wait()
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    asyncio.run(app(scope, receive, send))
    start, *bodies = sent
    found = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], found, b"".join(event.get("body", b"") for event in bodies))


def ask_wsgi(app: Any, body: bytes, headers: Mapping[str, str], *, path: str = "/", chunked: bool = False) -> Reply:
    """POST a body to a WSGI app, with what PEP 3333 demands checked. A chunked one has no length."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "wsgi.input": io.BytesIO(body),
    }
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    if chunked:
        del environ["CONTENT_LENGTH"]
        environ["wsgi.input_terminated"] = True
    setup_testing_defaults(environ)
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        started[:] = [status, headers]
        return started.append

    parts = validator(app)(environ, start_response)
    try:
        answer = b"".join(parts)
    finally:
        parts.close()  # type: ignore[attr-defined]
    status, found = started
    return Reply(int(status[:3]), {name.lower(): value for name, value in found}, answer)


def ask_lambda(handler: Any, body: bytes, headers: Mapping[str, str], *, shape: str, encoded: bool = False) -> Reply:
    """Invoke a Lambda function with the event that API Gateway, a function URL or a load balancer makes of a POST."""
    return from_response(handler(event(shape, body, headers, encoded=encoded), None))


def event(shape: str, body: bytes, headers: Mapping[str, str], *, encoded: bool = False) -> dict[str, Any]:
    text = base64.b64encode(body).decode() if encoded else body.decode()
    lists = {name: [value] for name, value in headers.items()}
    both: dict[str, Any] = {"body": text, "isBase64Encoded": encoded}
    of_request = {"httpMethod": "POST", "path": "/", "queryStringParameters": None}
    match shape:
        case "rest api":  # payload 1.0 keeps the case of names
            titled = {name.title(): value for name, value in headers.items()}
            of_stage = {"stage": "prod", "requestContext": {"stage": "prod", "identity": {"sourceIp": "127.0.0.1"}}}
            titled_lists = {name.title(): values for name, values in lists.items()}
            return both | of_request | of_stage | {"headers": titled, "multiValueHeaders": titled_lists}
        case "http api" | "function url":
            lower = {name.lower(): value for name, value in headers.items()}
            context = {"http": {"method": "POST", "path": "/", "sourceIp": "127.0.0.1"}}
            return both | {"version": "2.0", "rawPath": "/", "headers": lower, "requestContext": context}
        case "load balancer":
            return both | of_request | {"headers": dict(headers), "requestContext": {"elb": {"targetGroupArn": "arn"}}}
        case "load balancer, lists":
            return (
                both | of_request | {"multiValueHeaders": lists, "requestContext": {"elb": {"targetGroupArn": "arn"}}}
            )
    raise AssertionError(shape)


def from_response(response: dict[str, Any]) -> Reply:
    """Read what a Lambda function returns, as API Gateway or a load balancer does."""
    lists = response.get("multiValueHeaders") or {}
    headers = response.get("headers") or {name: values[-1] for name, values in lists.items()}
    assert response["isBase64Encoded"] is False
    return Reply(
        response["statusCode"], {name.lower(): value for name, value in headers.items()}, response["body"].encode()
    )


LAMBDA_SHAPES = ("rest api", "http api", "function url", "load balancer", "load balancer, lists")
