"""Invoke the publish function with the event on standard input, in a new process."""

import json
import sys

import app


class Context:
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 28_000


response = app.handler(json.load(sys.stdin), Context)
assert response["statusCode"] == 201, response
