"""A method has the docstring of its verb."""

from collections.abc import Callable
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])


def documented(verb: Callable[..., Any]) -> Callable[[Method], Method]:
    """Give a method the docstring of a verb."""

    def give(method: Method) -> Method:
        method.__doc__ = verb.__doc__
        return method

    return give
