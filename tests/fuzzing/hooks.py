"""What schemathesis has to know of the broker beyond openapi.yaml. `schemathesis run` loads it."""

import os
import re
import uuid
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData

BROKER, WEBHOOK, OWN_TOKEN = (os.environ[name] for name in ("BROKER", "WEBHOOK", "OWN_TOKEN"))
AUTHORIZATION = {"Authorization": f"Bearer {os.environ['TOKEN']}"}

# Rules that openapi.yaml has in words, for no schema can say them; by what they answer.
RULES = re.compile(
    r"NUL|time zone displacement|give either ids or a filter"
    r"|receipt belongs to another topic|receipt is listed more than once"
    r"|the broker sets this header itself|was used with another body"
)

schemathesis.openapi.format("uri", st.from_regex(r"[a-z0-9/]{0,20}", fullmatch=True).map(f"{WEBHOOK}/{{}}".format))


@schemathesis.hook("filter_case")
def keep_the_token_that_asks(_context: HookContext, case: Case) -> bool:
    revokes = case.operation.label == "DELETE /tokens/{id}"
    return not (revokes and (case.path_parameters or {}).get("id") == OWN_TOKEN)


@schemathesis.hook("before_call")
def keep_webhooks_here_and_long_polls_short(_context: HookContext, case: Case, _arguments: dict[str, Any]) -> None:
    if not isinstance(case.body, dict):
        return
    if isinstance(case.body.get("url"), str):
        case.body["url"] = re.sub(r"^https?://[^/?#]*", WEBHOOK, case.body["url"], flags=re.IGNORECASE)
    if case.body.get("wait_seconds") in range(2, 21):
        case.body["wait_seconds"] = 1


@schemathesis.hook("before_call")
def have_a_key_of_its_own(_context: HookContext, case: Case, _arguments: dict[str, Any]) -> None:
    """Else one key comes with body after body, and all but the first are 422."""
    if _is_valid(case) and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid.uuid4().hex


@schemathesis.hook("before_call")
def have_a_subscription_to_remove(_context: HookContext, case: Case, _arguments: dict[str, Any]) -> None:
    """Else most are 404: what was found once is gone."""
    label = case.operation.label
    if _is_valid(case) and label.startswith("DELETE /topics/{topic}/subscriptions"):
        target = f"{BROKER}/topics/{case.path_parameters['topic']}/subscriptions"
        subscribed = requests.post(target, json={"url": f"{WEBHOOK}/removed"}, headers=AUTHORIZATION, timeout=30)
        if label.endswith("{id}"):
            case.path_parameters["id"] = subscribed.json()["id"]
        else:
            case.query["url"] = f"{WEBHOOK}/removed"


@schemathesis.hook("before_call")
def have_a_message_to_cancel(_context: HookContext, case: Case, _arguments: dict[str, Any]) -> None:
    if _is_valid(case) and case.operation.label == "DELETE /topics/{topic}/messages/{id}":
        target = f"{BROKER}/topics/{case.path_parameters['topic']}/messages"
        published = requests.post(target, json={"content": None}, headers=AUTHORIZATION, timeout=30)
        case.path_parameters["id"] = published.json()["id"]


@schemathesis.hook("filter_failure")
def let_a_rule_refuse_what_a_schema_allows(
    _context: HookContext, failure: Failure, _case: Case, response: Response
) -> bool:
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = response.json()
    return not all(RULES.search(fault["detail"]) for fault in problem.get("errors", [problem]))


def _is_valid(case: Case) -> bool:
    return case.meta.generation.mode == GenerationMode.POSITIVE
