"""Pages: cut in the order of a key, by how many items they may have and by what fits into Lambda's response."""

from dataclasses import dataclass

import pytest

from broker import pagination


@dataclass
class Item:
    name: str
    text: str = ""


ITEMS = [Item("a"), Item("b"), Item("c")]


def test_a_page_with_more_behind_it_has_the_key_of_its_last_item() -> None:
    assert pagination.cut(ITEMS, 2, "name") == pagination.Page(ITEMS[:2], "b")


@pytest.mark.parametrize("limit", [3, 4])
def test_the_last_page_has_no_next(limit: int) -> None:
    assert pagination.cut(ITEMS, limit, "name") == (ITEMS, None)


def test_an_empty_list_is_one_page() -> None:
    assert pagination.cut([], 2, "name") == ([], None)


def test_items_that_do_not_fit_are_left_for_the_next_page() -> None:
    large = [Item(name, "x" * (pagination.MAX_PAGE // 2 - 100)) for name in "abc"]
    assert pagination.cut(large, 3, "name") == (large[:2], "b")


def test_one_item_is_on_a_page_however_large_it_is() -> None:
    huge = [Item(name, "x" * pagination.MAX_PAGE) for name in "ab"]
    assert pagination.cut(huge, 2, "name") == (huge[:1], "a")
