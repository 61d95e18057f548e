"""SQS's endpoint on this machine, an ASGI application: SendMessage and SendMessageBatch in AWS's JSON protocol.

It refuses what SQS refuses, so that what works here works there.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from local.queues.queue import Message, Queue

MAX_OCTETS = 1024 * 1024  # of a message, and of a batch
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
    """The queues, by name, for whoever signs with the access key `key`."""

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
            status, answer = 200, self._answer(headers, body)
        except Refusal as refusal:
            status = refusal.status
            answer = {"__type": f"com.amazonaws.sqs#{refusal.code}", "message": str(refusal)}
        encoded = json.dumps(answer).encode()
        described = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", b"%d" % len(encoded))]
        await send({"type": "http.response.start", "status": status, "headers": described})
        await send({"type": "http.response.body", "body": encoded})

    def _answer(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        if f"Credential={self._key}/" not in headers.get("authorization", ""):
            raise Refusal("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        try:
            wish: dict[str, Any] = json.loads(body)
            queue = self._queues[str(wish["QueueUrl"]).rpartition("/")[2]]
        except (ValueError, TypeError):
            raise Refusal("SerializationException", "The request is not a JSON object.") from None
        except KeyError:
            raise Refusal("QueueDoesNotExist", "The specified queue does not exist.") from None
        match headers.get("x-amz-target", "").removeprefix(TARGET):
            case "SendMessage":
                message = _sent(queue, wish)
                return {"MessageId": message.message_id, "MD5OfMessageBody": message.md5}
            case "SendMessageBatch":
                return _batch(queue, wish.get("Entries") or [])
        raise Refusal("UnsupportedOperation", "Only SendMessage and SendMessageBatch are played here.")


def _batch(queue: Queue, entries: list[dict[str, Any]]) -> dict[str, Any]:
    if not entries:
        raise Refusal("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > MAX_ENTRIES:
        raise Refusal("TooManyEntriesInBatchRequest", f"Maximum number of entries per request are {MAX_ENTRIES}.")
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise Refusal("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
    if sum(len(str(entry.get("MessageBody")).encode()) for entry in entries) > MAX_OCTETS:
        raise Refusal("BatchRequestTooLong", f"Batch requests cannot be longer than {MAX_OCTETS} bytes.")
    successful, failed = [], []
    for entry in entries:
        try:
            message = _sent(queue, entry)
        except Refusal as refusal:
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": refusal.code, "Message": str(refusal)})
        else:
            sent = {"Id": entry["Id"], "MessageId": message.message_id, "MD5OfMessageBody": message.md5}
            successful.append(sent)
    return {"Successful": successful, "Failed": failed}


def _sent(queue: Queue, wish: Mapping[str, Any]) -> Message:
    body, delay = wish.get("MessageBody"), wish.get("DelaySeconds") or 0
    if not isinstance(body, str) or not body:
        raise Refusal("MissingParameter", "The request must contain the parameter MessageBody.")
    if len(body.encode(errors="surrogatepass")) > MAX_OCTETS:
        raise Refusal("InvalidParameterValue", f"Message must be shorter than {MAX_OCTETS} bytes.")
    if UNSENDABLE.search(body):
        raise Refusal("InvalidMessageContents", "Invalid characters found.")
    if not isinstance(delay, int) or not 0 <= delay <= MAX_DELAY_SECONDS:
        raise Refusal("InvalidParameterValue", f"DelaySeconds must be >= 0 and <= {MAX_DELAY_SECONDS}.")
    return queue.send(body, delay)
