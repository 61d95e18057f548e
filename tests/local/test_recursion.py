"""The loop survives AWS, which drops what goes round between functions and queues 16 times, unless they allow it."""

import json
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from tests.deployment.resources import named


def edges(resources: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """From a queue to the function that it invokes, and from a function to each queue that it may send to."""
    for name, resource in resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            yield _named(properties["EventSourceArn"]), _named(properties["FunctionName"])
        elif resource["Type"] == "AWS::Lambda::Function":
            role = resources[_named(properties["Role"])]["Properties"]
            for policy in role.get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    if re.search(r'"sqs:(SendMessage\*?|\*)"', json.dumps(statement["Action"])):
                        for queue in re.findall(r"\w+Queue", json.dumps(statement["Resource"])):
                            yield name, queue


def _named(reference: Any) -> str:
    """The one resource that a value refers to."""
    [found] = named(reference)
    return found


def on_a_cycle(arrows: AbstractSet[tuple[str, str]]) -> set[str]:
    """What can be reached from itself."""
    reached = set(arrows)
    while more := {(a, d) for a, b in reached for c, d in arrows if b == c} - reached:
        reached |= more
    return {start for start, end in reached if start == end}


def test_exactly_the_functions_on_a_cycle_allow_recursion(resources: Any, recursive: set[str]) -> None:
    functions = {name for name, each in resources.items() if each["Type"] == "AWS::Lambda::Function"}
    cyclic = on_a_cycle({*edges(resources)}) & functions
    assert cyclic == {"Dispatch", "Deliver"}
    assert recursive == cyclic


def test_a_cycle_is_found_over_any_number_of_queues() -> None:
    assert on_a_cycle({("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")}) == {"a", "b", "c"}
    assert on_a_cycle({("a", "b"), ("b", "c")}) == set()
