"""Payload format 2.0 of an HTTP API: a request becomes the event for a function, and its answer an HTTP response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

TEXT = ("text/", "application/json", "application/javascript", "application/xml")


_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class Response:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class BadAnswer(Exception):
    """API Gateway cannot make an HTTP response of the function's answer."""


def event(
    scope: Mapping[str, Any], body: bytes, *, route: str, path_parameters: Mapping[str, str], request_id: str
) -> bytes:
    """Return the event of an ASGI request, in JSON."""
    headers, cookies = _headers(scope["headers"])
    path = unquote(scope["raw_path"].decode("latin-1"))  # AWS decodes it; "raw" means that it has no stage
    query = scope["query_string"].decode("latin-1")
    host = headers.get("host", "")
    address, _ = scope["client"] or ("127.0.0.1", 0)
    headers["x-forwarded-for"] = f"{headers['x-forwarded-for']}, {address}" if "x-forwarded-for" in headers else address
    headers["x-forwarded-port"] = str(scope["server"][1])
    headers["x-forwarded-proto"] = scope["scheme"]
    now = time.time()
    payload: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": scope["method"],
                "path": path,
                "protocol": f"HTTP/{scope['http_version']}",
                "sourceIp": address,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": route,
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        payload["cookies"] = cookies
    if query and (parameters := _query_parameters(query)):
        payload["queryStringParameters"] = parameters
    if path_parameters:
        payload["pathParameters"] = path_parameters
    if body:
        payload["body"], payload["isBase64Encoded"] = _body(body, headers.get("content-type", ""))
    return _encode(payload).encode()


def request_id() -> str:
    """Make an id in the form of API Gateway."""
    return secrets.token_urlsafe(11) + "="


def response(answer: bytes) -> Response:
    """Make the HTTP response of a function's answer. An answer without `statusCode` is the body of a 200."""
    value = json.loads(answer)
    if not isinstance(value, dict) or "statusCode" not in value:
        body = value.encode() if isinstance(value, str) else answer
        return Response(200, [(b"content-type", b"application/json")], body)
    try:
        return _response(value)
    except (AttributeError, TypeError, ValueError, UnicodeEncodeError) as error:
        raise BadAnswer(str(error)) from error


def _response(value: Mapping[str, Any]) -> Response:
    text = value.get("body") or ""
    body = base64.b64decode(text, validate=True) if value.get("isBase64Encoded") else text.encode()
    headers = [
        (name.lower().encode("latin-1"), _header_text(content).encode("latin-1"))
        for name, content in (value.get("headers") or {}).items()
        if name.lower() not in ("content-length", "transfer-encoding", "connection")
    ]
    if body and not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"text/plain;charset=UTF-8"))
    headers += [(b"set-cookie", cookie.encode("latin-1")) for cookie in value.get("cookies") or []]
    return Response(int(value["statusCode"]), headers, body)


def _header_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _headers(raw: list[tuple[bytes, bytes]]) -> tuple[dict[str, str], list[str]]:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name == "cookie":
            cookies += value.split("; ")
        else:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers, cookies


def _query_parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    """Return the body for the event, and whether it is in base64: all but textual types in UTF-8 are."""
    if content_type.lower().startswith(TEXT):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
