"""The SQS endpoint of this machine, an ASGI application: SendMessage and SendMessageBatch in AWS's JSON protocol.

It refuses what SQS refuses, so that code which works here also works with SQS.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from local.queues.queue import Message, Queue

MAX_BYTES = 1024 * 1024  # of a message, and of a batch
MAX_ENTRIES = 10
MAX_DELAY_SECONDS = 900
UNSENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TARGET = "AmazonSQS."

Event = MutableMapping[str, Any]


class Refusal(Exception):
    """A request, or an entry of one, that SQS refuses."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Endpoint:
    """Serves these queues, by name, to requests that are signed with the access key `key`."""

    def __init__(self, queues: Mapping[str, Queue], key: str) -> None:
        self._queues = queues
        self._key = key

    async def __call__(
        self, scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
    ) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            if part["type"] == "http.disconnect":
                return
            body += part.get("body", b"")
            more = part.get("more_body", False)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            status, content = 200, self._handle(headers, body)
        except Refusal as refusal:
            status = refusal.status
            content = {"__type": f"com.amazonaws.sqs#{refusal.code}", "message": str(refusal)}
        encoded = json.dumps(content).encode()
        response_headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", b"%d" % len(encoded))]
        await send({"type": "http.response.start", "status": status, "headers": response_headers})
        await send({"type": "http.response.body", "body": encoded})

    def _handle(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        if f"Credential={self._key}/" not in headers.get("authorization", ""):
            raise Refusal("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        try:
            request: dict[str, Any] = json.loads(body)
            queue = self._queues[str(request["QueueUrl"]).rpartition("/")[2]]
        except (ValueError, TypeError):
            raise Refusal("SerializationException", "The request is not a JSON object.") from None
        except KeyError:
            raise Refusal("QueueDoesNotExist", "The specified queue does not exist.") from None
        match headers.get("x-amz-target", "").removeprefix(TARGET):
            case "SendMessage":
                message = _send(queue, request)
                return {"MessageId": message.message_id, "MD5OfMessageBody": message.md5}
            case "SendMessageBatch":
                return _send_batch(queue, request.get("Entries") or [])
        raise Refusal("UnsupportedOperation", "This endpoint has only SendMessage and SendMessageBatch.")


def _send_batch(queue: Queue, entries: list[dict[str, Any]]) -> dict[str, Any]:
    if not entries:
        raise Refusal("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > MAX_ENTRIES:
        raise Refusal("TooManyEntriesInBatchRequest", f"Maximum number of entries per request are {MAX_ENTRIES}.")
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise Refusal("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
    if sum(len(str(entry.get("MessageBody")).encode()) for entry in entries) > MAX_BYTES:
        raise Refusal("BatchRequestTooLong", f"Batch requests cannot be longer than {MAX_BYTES} bytes.")
    successful, failed = [], []
    for entry in entries:
        try:
            message = _send(queue, entry)
        except Refusal as refusal:
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": refusal.code, "Message": str(refusal)})
        else:
            result = {"Id": entry["Id"], "MessageId": message.message_id, "MD5OfMessageBody": message.md5}
            successful.append(result)
    return {"Successful": successful, "Failed": failed}


def _send(queue: Queue, request: Mapping[str, Any]) -> Message:
    body, delay = request.get("MessageBody"), request.get("DelaySeconds") or 0
    if not isinstance(body, str) or not body:
        raise Refusal("MissingParameter", "The request must contain the parameter MessageBody.")
    if len(body.encode(errors="surrogatepass")) > MAX_BYTES:
        raise Refusal("InvalidParameterValue", f"Message must be shorter than {MAX_BYTES} bytes.")
    if UNSENDABLE.search(body):
        raise Refusal("InvalidMessageContents", "Invalid characters found.")
    if not isinstance(delay, int) or not 0 <= delay <= MAX_DELAY_SECONDS:
        raise Refusal("InvalidParameterValue", f"DelaySeconds must be >= 0 and <= {MAX_DELAY_SECONDS}.")
    return queue.send(body, delay)
