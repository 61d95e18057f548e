"""Rows of the bench are selected by name."""

import pytest

from bench.measure import select

NAMES = ["publish", "publish-batch", "http-1", "http-8"]


@pytest.mark.parametrize(
    ("wanted", "selected"),
    [
        ([], NAMES),
        (["publish"], ["publish"]),
        (["http"], ["http-1", "http-8"]),
        (["http", "publish-batch", "http-1"], ["publish-batch", "http-1", "http-8"]),
    ],
)
def test_a_name_selects_its_row_or_else_those_that_begin_with_it(wanted: list[str], selected: list[str]) -> None:
    assert select(NAMES, wanted) == selected


@pytest.mark.parametrize("unknown", ["htt", "http-", "publish-batches"])
def test_a_name_that_selects_nothing_is_refused(unknown: str) -> None:
    with pytest.raises(SystemExit, match=f"no such row: {unknown}$"):
        select(NAMES, ["http", unknown])
