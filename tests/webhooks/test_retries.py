"""Retries: the wait grows with each failed attempt, and the last one is not retried."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.webhooks import retries


def test_the_schedule_spans_75_hours_and_a_half():
    assert sum(retries.SCHEDULE, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


def test_the_first_delay_follows_the_first_failure():
    assert retries.delay(1, chance=lambda: 0.5) == timedelta(seconds=5)


def test_the_last_delay_follows_the_ninth_failure():
    assert retries.delay(9, chance=lambda: 0.5) == timedelta(hours=24)


def test_no_delay_follows_the_tenth_failure():
    assert retries.delay(10) is None


@given(st.integers(1, 9))
def test_a_delay_differs_from_the_schedule_by_at_most_a_tenth(failures):
    planned = retries.SCHEDULE[failures - 1]

    assert planned * 0.9 <= retries.delay(failures) <= planned * 1.1


def test_chance_moves_a_delay_both_ways():
    assert retries.delay(1, chance=lambda: 0.0) == timedelta(seconds=4.5)
    assert retries.delay(1, chance=lambda: 1.0) == timedelta(seconds=5.5)


def test_a_schedule_that_is_given_is_followed():
    assert retries.delay(1, [timedelta(hours=1)], chance=lambda: 0.5) == timedelta(hours=1)
    assert retries.delay(2, [timedelta(hours=1)]) is None


def test_a_delay_without_a_failure_is_an_error():
    with pytest.raises(ValueError, match="at least one failure"):
        retries.delay(0)
