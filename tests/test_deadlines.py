"""The deadline of a request: what is left of it, and which steps it allows."""

import pytest

from broker import database, deadlines
from broker.schema import roles
from tests.support.client import Context


def test_outside_of_a_request_every_step_is_allowed() -> None:
    assert deadlines.left() == float("inf")
    assert deadlines.allow(1_000_000)


def test_a_request_has_the_seconds_that_it_begins_with() -> None:
    deadlines.begin(10)
    assert 9 < deadlines.left() <= 10
    assert deadlines.allow(9)
    assert not deadlines.allow(10)


def test_a_request_ends_before_its_invocation_so_that_it_can_respond() -> None:
    deadlines.begin_invocation(Context(28))
    assert 25 < deadlines.left() <= 28 - deadlines.RESPOND_SECONDS


@pytest.mark.parametrize(
    "step",
    [deadlines.STEP_SECONDS, deadlines.CLAIM_SECONDS, deadlines.PLAN_SECONDS, deadlines.DELIVER_SECONDS],
)
def test_a_step_is_not_begun_when_its_time_is_no_longer_left(step: float) -> None:
    deadlines.begin(step - 0.1)
    assert not deadlines.allow(step)
    deadlines.begin(step + 1)
    assert deadlines.allow(step)


def test_a_step_leaves_time_for_a_statement_as_long_as_the_database_allows() -> None:
    limit = f"{deadlines.STATEMENT_SECONDS}s"
    assert f"statement_timeout={limit} " in database.OPTIONS
    assert roles.LIMITS["statement_timeout"] == limit
    assert deadlines.STEP_SECONDS > deadlines.STATEMENT_SECONDS
