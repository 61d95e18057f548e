"""Answer the event on standard input, as a new process of the publish function does."""

import json
import sys

import app


class Context:
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 28_000


answer = app.handler(json.load(sys.stdin), Context)
assert answer["statusCode"] == 201, answer
