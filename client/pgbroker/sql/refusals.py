"""What a verb refuses with an SQLSTATE of its own, as the problems that HTTP has for the same."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from pgbroker.errors import Conflict, Fault, IdempotencyKeyReused, InvalidInput, NotFound, Problem
from pgbroker.request import reader


class WrongIsolation(Problem):
    """The transaction is REPEATABLE READ or SERIALIZABLE; the verbs that write need READ COMMITTED."""


REFUSALS: Mapping[str, tuple[HTTPStatus, type[Problem]]] = {
    "MB400": (HTTPStatus.BAD_REQUEST, InvalidInput),
    "MB404": (HTTPStatus.NOT_FOUND, NotFound),
    "MB409": (HTTPStatus.CONFLICT, Conflict),
    "MB412": (HTTPStatus.PRECONDITION_FAILED, WrongIsolation),
    "MB422": (HTTPStatus.UNPROCESSABLE_ENTITY, IdempotencyKeyReused),
    "22P02": (HTTPStatus.BAD_REQUEST, InvalidInput),  # invalid_text_representation: a msgspec.Raw that is not JSON
    "22P05": (HTTPStatus.BAD_REQUEST, InvalidInput),  # untranslatable_character: an escaped NUL
}


def problem(error: BaseException) -> Problem | None:
    """Return the problem that an error of a driver, of SQLAlchemy or of Django is; None when it is no refusal.

    The driver's own errors are no refusals: a lost connection, a lock time-out (55P03), a deadlock (40P01).
    """
    cause = list(_chain(error))[-1]
    sqlstate = str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None))  # psycopg 2 has the latter
    if sqlstate not in REFUSALS:
        return None
    status, kind = REFUSALS[sqlstate]
    said, detail, hint = _said(cause)
    faults = reader(tuple[Fault, ...])(detail.encode()) if sqlstate == "MB400" and detail else ()
    texts = [said, hint, None if faults else detail]
    return kind(status, status.phrase, "; ".join(filter(None, texts)), faults)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it wraps: SQLAlchemy and Django raise their own from the driver's."""
    while error is not None:
        yield error
        error = error.__cause__


def _said(error: Any) -> tuple[str, str | None, str | None]:
    """What PostgreSQL says: the message, DETAIL and HINT."""
    if diag := getattr(error, "diag", None):
        return diag.message_primary, diag.message_detail, diag.message_hint
    return error.message, error.detail, error.hint  # asyncpg
