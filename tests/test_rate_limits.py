"""Limits of tokens: how many requests a process takes, and what a clock that was set does to that."""

import contextlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import rate_limits
from broker.errors import TooManyRequests

TOKEN, OTHER = uuid.uuid4(), uuid.uuid4()
LIMITS = st.integers(1, 10_000)
SECOND = 1_000_000_000  # in nanoseconds


def take_all(limit, token=TOKEN):
    """Take requests until the token's bucket is empty; return what was left after each."""
    return list(iter(lambda: rate_limits.take(token, limit), None))


def test_a_full_bucket_holds_the_requests_of_a_second(limit_clock):
    assert take_all(5) == [4, 3, 2, 1, 0]


def test_a_bucket_fills_at_the_rate_of_its_limit(limit_clock):
    take_all(5)
    limit_clock(0.19)
    assert rate_limits.take(TOKEN, 5) is None
    limit_clock(0.01)
    assert take_all(5) == [0]
    limit_clock(0.6)
    assert take_all(5) == [2, 1, 0]


def test_a_bucket_holds_no_more_after_a_long_rest(limit_clock):
    take_all(5)
    limit_clock(3600)
    assert take_all(5) == [4, 3, 2, 1, 0]


def test_a_request_that_is_refused_takes_nothing(limit_clock):
    take_all(1)
    for _ in range(9):
        limit_clock(0.1)
        assert rate_limits.take(TOKEN, 1) is None
    limit_clock(0.1)
    assert rate_limits.take(TOKEN, 1) == 0


def test_each_token_has_a_bucket_of_its_own(limit_clock):
    take_all(5)
    assert rate_limits.take(OTHER, 2) == 1
    assert rate_limits.take(TOKEN, 5) is None


def test_a_bucket_fills_while_the_process_is_frozen_and_its_monotonic_clock_stops(limit_clock, monkeypatch):
    for name in ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"):
        monkeypatch.setattr(rate_limits.time, name, lambda: 1)
    take_all(5)
    limit_clock(60)
    left = rate_limits.take(TOKEN, 5)
    monkeypatch.undo()
    assert left == 4


@given(LIMITS, st.lists(st.integers(-3 * SECOND, 3 * SECOND), max_size=5))
def test_what_is_refused_is_taken_a_second_later_however_the_clock_was_set_before(limit, steps):
    with still_clock() as move:
        for by in [0, *steps]:
            move(by)
            take_all(limit)
        move(SECOND)
        assert rate_limits.take(TOKEN, limit) is not None


@given(LIMITS, st.lists(st.tuples(st.integers(0, 2 * SECOND), st.integers(0, 15_000)), max_size=20))
def test_never_more_are_taken_than_a_burst_and_the_rate(limit, steps):
    with still_clock() as move:
        taken = passed = 0
        for pause, requests in steps:
            move(pause)
            passed += pause
            taken += count_taken(limit, requests)
            assert taken * SECOND <= limit * SECOND + limit * passed


@given(
    LIMITS,
    st.lists(st.tuples(st.booleans(), st.integers(-3 * SECOND, 3 * SECOND), st.integers(0, 15_000)), max_size=20),
)
def test_a_clock_that_is_set_lets_through_one_burst_more(limit, steps):
    with still_clock() as move:
        taken, passed, bursts = count_taken(limit, limit), 0, 1
        for is_set, by, requests in steps:
            move(by if is_set else abs(by))
            bursts += is_set
            passed += 0 if is_set else abs(by)
            taken += count_taken(limit, requests)
            assert taken * SECOND <= bursts * limit * SECOND + limit * passed


@given(LIMITS, st.lists(st.integers(0, 2 * SECOND), min_size=1, max_size=10))
def test_what_is_left_is_what_can_be_taken(limit, pauses):
    with still_clock() as move:
        for pause in pauses:
            move(pause)
            if (left := rate_limits.take(TOKEN, limit)) is not None:
                assert 0 <= left < limit
                assert take_all(limit) == list(range(left))[::-1]


def test_the_buckets_that_are_longest_unused_are_dropped(limit_clock, monkeypatch):
    monkeypatch.setattr(rate_limits, "MAX_BUCKETS", 2)
    ids = [uuid.uuid4() for _ in range(3)]
    take_all(1, ids[0])
    take_all(1, ids[1])
    limit_clock(1)
    take_all(1, ids[0])
    take_all(1, ids[2])
    assert list(rate_limits._full_at) == [ids[0], ids[2]]


def test_the_fields_are_lists_of_structured_fields():
    assert rate_limits.fields(50, 49) == {
        "RateLimit-Policy": '"requests_per_second";q=50;w=1',
        "RateLimit": '"requests_per_second";r=49;t=1',
    }
    assert rate_limits.fields(50, None)["RateLimit"] == '"requests_per_second";r=0;t=1'


def test_the_error_names_the_policy_of_the_fields_and_its_window():
    assert TooManyRequests.members == {"violated-policies": [rate_limits.POLICY]}
    assert TooManyRequests.headers == {"Retry-After": str(rate_limits.WINDOW_SECONDS)}


def count_taken(limit, requests):
    """Make so many requests, but stop at the first that is refused; return how many were taken."""
    taken = 0
    while taken < requests and rate_limits.take(TOKEN, limit) is not None:
        taken += 1
    return taken


@contextlib.contextmanager
def still_clock():
    """Give full buckets, and a clock that only the test moves, by nanoseconds: `move(SECOND)`."""
    now = [1_800_000_000 * SECOND]

    def move(by):
        now[0] += by

    rate_limits.forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate_limits.time, "time_ns", lambda: now[0])
        yield move
