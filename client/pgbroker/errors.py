"""What can go wrong: no answer, an answer that is not the broker's, or a problem (RFC 9457) that the broker names."""

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import Struct


class BrokerError(Exception):
    """The base of all errors of this package."""


class NotReached(BrokerError):
    """No answer came in time. What the request asked for may have been done all the same."""


class UnexpectedAnswer(BrokerError):
    """The answer is not one of the broker: the url leads to something else, or something else is in between."""


class PublishedInPart(BrokerError):
    """Some parts of publish_many are stored, and then one failed: the error's cause says why.

    `ids` are those of the messages that are stored: the first ones. With the same idempotency key it is safe to repeat
    the whole call.
    """

    def __init__(self, ids: list[str]) -> None:
        super().__init__(f"{len(ids)} messages are stored, the others are not: see the cause of this error")
        self.ids = ids


class ContentMismatch(BrokerError):
    """The content of a message is not of the given type. `answer` is the whole answer, with any content."""

    def __init__(self, detail: str, answer: Any) -> None:
        super().__init__(detail)
        self.answer = answer


class Fault(Struct, frozen=True):
    """One fault of a request, with where it is: a `pointer` into the body (RFC 6901), or the name of a parameter."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None

    def __str__(self) -> str:
        return f"{self.pointer or self.parameter or 'body'}: {self.detail}"


class Problem(BrokerError):
    """An error that the broker names. `type` and the class are for programs, `detail` and `errors` for people.

    `retry_after` is in seconds, None when the broker does not say that repeating helps. `request_id` identifies the
    request in the broker's log; it is empty when API Gateway answered instead of the broker.
    """

    type: ClassVar[str] = "about:blank"

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: tuple[Fault, ...] = (),
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__("; ".join([detail or title, *map(str, errors)]))
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.request_id = request_id
        self.retry_after = retry_after


class InvalidInput(Problem):
    """The request is not valid. It changed nothing; `errors` says what is wrong where."""

    type = "urn:pgbroker:problem:invalid-input"


class Unauthorized(Problem):
    """The token is missing, revoked, expired or not one of this broker."""

    type = "urn:pgbroker:problem:unauthorized"


class Forbidden(Problem):
    """The token does not have the scope, or does not cover the topic."""

    type = "urn:pgbroker:problem:forbidden"


class NotFound(Problem):
    """There is no such topic, message, subscription or token."""

    type = "urn:pgbroker:problem:not-found"


class Conflict(Problem):
    """The request conflicts with the current state."""

    type = "urn:pgbroker:problem:conflict"


class Busy(Conflict):
    """Another request is using the topic."""

    type = "urn:pgbroker:problem:busy"


class StaleReceipt(Conflict):
    """Another consumer has leased the message since. The message is not changed."""

    type = "urn:pgbroker:problem:stale-receipt"


class TooLarge(Problem):
    """The request is over 4 MiB, or a message in it over 256 KiB."""

    type = "urn:pgbroker:problem:too-large"


class IdempotencyKeyReused(Problem):
    """The idempotency key was used with another body in the last 24 hours. Nothing was stored."""

    type = "urn:pgbroker:problem:idempotency-key-reused"


class TooManyRequests(Problem):
    """The token has sent more requests than its limit, or API Gateway throttles."""

    type = "urn:pgbroker:problem:too-many-requests"


class InternalError(Problem):
    """The broker failed. Its log has the cause under `request_id`."""

    type = "urn:pgbroker:problem:internal-error"


class DatabaseUnavailable(Problem):
    """The broker's database does not respond, or is waking up."""

    type = "urn:pgbroker:problem:database-unavailable"


class QueueUnavailable(Problem):
    """The broker's queue in SQS does not take what is to be sent. Nothing was sent."""

    type = "urn:pgbroker:problem:queue-unavailable"


BY_TYPE: Mapping[str, type[Problem]] = {
    problem.type: problem
    for problem in (
        InvalidInput,
        Unauthorized,
        Forbidden,
        NotFound,
        Conflict,
        Busy,
        StaleReceipt,
        TooLarge,
        IdempotencyKeyReused,
        TooManyRequests,
        InternalError,
        DatabaseUnavailable,
        QueueUnavailable,
    )
}
BY_STATUS: Mapping[int, type[Problem]] = {  # of errors of API Gateway, or of a proxy, which have no type
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: TooManyRequests,
    502: Problem,
    504: Problem,
    503: DatabaseUnavailable,
}
