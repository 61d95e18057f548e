"""Call an operation of an AWS service in its JSON protocol, signed with the function's own credentials.

https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

import time
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from broker import settings
from broker.aws import connections, signing

ATTEMPTS = 2
RETRY_SECONDS = 0.1  # after an answer that asks for another attempt
THROTTLED = {"RequestThrottled", "Throttling", "ThrottlingException", "TooManyRequestsException"}


class Service(msgspec.Struct, frozen=True):
    """A service of AWS: its name in signatures and hosts, in X-Amz-Target, in AWS_ENDPOINT_URL_…, and its protocol."""

    name: str
    target: str
    setting: str
    json_version: str


SQS = Service("sqs", "AmazonSQS", "SQS", "1.0")
SECRETS_MANAGER = Service("secretsmanager", "secretsmanager", "SECRETS_MANAGER", "1.1")


class CallFailed(Exception):
    """AWS did not do what was asked for, or did not answer.

    `reason` is AWS's code, such as AccessDeniedException; without an answer it is the kind of the error, such as
    TimeoutError. It never has content. `status` is the HTTP status; None: there was no answer, and AWS may have done
    it all the same.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether another attempt is worth its time: not after silence, nor when AWS refused it."""
        if self.status is None:
            return not isinstance(self.__cause__, TimeoutError)
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.reason in THROTTLED


def call(service: Service, operation: str, content: object, *, region: str, endpoint: str, seconds: float) -> Any:
    """Call an operation such as `SendMessageBatch` with `content` as JSON; return its answer.

    `endpoint` is a scheme and a host, which AWS_ENDPOINT_URL replaces. All attempts together end after `seconds`. What
    fails for no fault of ours is tried once more, so it may be done twice. Raises CallFailed; SettingMissing without
    credentials.
    """
    ends_at = time.monotonic() + seconds
    url = settings.aws_endpoint_url(service.setting) or endpoint
    body = msgspec.json.encode(content)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _attempt(service, operation, body, region, url, ends_at - time.monotonic())
        except CallFailed as failed:
            if attempt == ATTEMPTS or not failed.may_pass or time.monotonic() + RETRY_SECONDS >= ends_at:
                raise
            if failed.status is not None:
                time.sleep(RETRY_SECONDS)
    raise AssertionError


def _attempt(service: Service, operation: str, body: bytes, region: str, endpoint: str, seconds: float) -> Any:
    headers = signing.sign(
        "POST",
        urlsplit(endpoint).netloc,
        "/",
        {
            "Content-Type": f"application/x-amz-json-{service.json_version}",
            "X-Amz-Target": f"{service.target}.{operation}",
        },
        body,
        credentials=settings.credentials(),
        region=region,
        service=service.name,
        time=datetime.now(UTC),
    )
    if trace := settings.trace_id():  # X-Ray and AWS's recursion detection need it; it is not signed
        headers["X-Amzn-Trace-Id"] = quote(trace, safe="-=;:+&[]{}\"',")
    try:
        status, answer = connections.post(endpoint, "/", headers, body, seconds)
    except (OSError, HTTPException) as error:
        raise CallFailed(type(error).__name__) from error
    if status != HTTPStatus.OK:
        raise CallFailed(_code(answer) or f"HTTP {status}", status)
    try:
        return msgspec.json.decode(answer)
    except msgspec.DecodeError:
        raise CallFailed("DecodeError") from None  # it was cut


def _code(answer: bytes) -> str:
    """Return the code of an error, without its service: of `com.amazonaws.sqs#QueueDoesNotExist`, what is last."""
    try:
        error = msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.DecodeError:
        return ""
    return str(error.get("__type", "")).rpartition("#")[2]
