"""AWS on loopback: a real endpoint that answers as moto does, from the backends of the `mock_aws` around it.

It may also fail or be silent, like any endpoint: `aws.hang()`, `aws.answer(503, times=1)`.
"""

import asyncio
import re
from functools import cache
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest
from moto.core.models import botocore_stubber

from tests.support.endpoints import Endpoint, Received, answers

REGION = "us-east-1"


@cache
def secrets_manager() -> Any:
    """A client of boto3 for all tests, whatever AWS_ENDPOINT_URL is: making one takes a while."""
    url = f"https://secretsmanager.{REGION}.amazonaws.com"
    return boto3.client("secretsmanager", region_name=REGION, endpoint_url=url)


class Aws(Endpoint):
    """The services of a region, at one address: `AWS_ENDPOINT_URL` may name it."""

    def __init__(self) -> None:
        super().__init__()
        self.recover()

    def calls(self) -> list[str]:
        """The operation of each request, in the order of their arrival."""
        return [request.headers["x-amz-target"].rpartition(".")[2] for request in self.requests]

    def recover(self) -> None:
        """Answer as AWS from now on."""
        self.does(self.moto)

    def moto(self, transport: asyncio.Transport) -> None:
        """Answer as AWS: see `does`."""
        answers(*respond(self.requests[-1]))(transport)


def respond(request: Received) -> tuple[int, dict[str, Any], bytes]:
    """What moto answers: the status, the headers and the body."""
    scope = re.search(r"Credential=[^/]+/\d+/([\w-]+)/(\w+)/aws4_request", request.headers["authorization"])
    assert scope, "it is not signed"
    url = f"https://{scope[2]}.{scope[1]}.amazonaws.com{request.path}"
    answer = botocore_stubber.process_request(
        AWSPreparedRequest(request.method, url, request.headers, request.body, stream_output=False)
    )
    assert answer
    status, headers, body = answer
    kept = {name: value for name, value in headers.items() if name.lower() not in {"content-length", "connection"}}
    return int(status), kept, body if isinstance(body, bytes) else str(body).encode()
