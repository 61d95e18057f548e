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
    for each in _chain(error):
        sqlstate = str(getattr(each, "sqlstate", None) or getattr(each, "pgcode", None))  # psycopg 2 has the latter
        if sqlstate in REFUSALS:
            status, kind = REFUSALS[sqlstate]
            detail, faults = _read(sqlstate, getattr(each, "diag", None))
            return kind(status, status.phrase, detail or str(each), faults)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it wraps: SQLAlchemy and Django raise their own from the driver's."""
    while error is not None:
        yield error
        error = error.__cause__


def _read(sqlstate: str, diag: Any) -> tuple[str, tuple[Fault, ...]]:
    """What PostgreSQL says about the error: a sentence, and the faults of MB400, which are its DETAIL."""
    if diag is None:
        return "", ()
    texts = [diag.message_primary, diag.message_hint]
    if sqlstate == "MB400":
        faults = reader(tuple[Fault, ...])((diag.message_detail or "[]").encode())
        return "; ".join(filter(None, texts)), faults
    return "; ".join(filter(None, [*texts, diag.message_detail])), ()
