"""What schemathesis must know about the broker beyond openapi.yaml. `schemathesis run` loads this file."""

import os
import re
import uuid
from functools import partial
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData

BROKER, WEBHOOK, OWN_TOKEN = (os.environ[name] for name in ("BROKER", "WEBHOOK", "OWN_TOKEN"))
AUTHORIZATION = {"Authorization": f"Bearer {os.environ['TOKEN']}"}

# Rules that openapi.yaml has in words, since no schema can express them: what the broker responds with.
RULES = re.compile(
    r"NUL|time zone displacement|give either ids or a filter|receipt belongs to another topic"
    r"|receipt is listed more than once|the broker sets this header itself|was used with another body"
    r"|must be before until|must be at least"
    r"|has not got to the message yet"
)

schemathesis.openapi.format("uri", st.from_regex(r"[a-z0-9/]{0,20}", fullmatch=True).map(f"{WEBHOOK}/{{}}".format))


@schemathesis.hook("filter_case")
def keep_our_own_token(_context: HookContext, case: Case) -> bool:
    revokes = case.operation.label == "DELETE /tokens/{id}"
    return not (revokes and (case.path_parameters or {}).get("id") == OWN_TOKEN)


@schemathesis.hook("before_call")
def send_webhooks_to_our_endpoint_and_poll_briefly(
    _context: HookContext, case: Case, _arguments: dict[str, Any]
) -> None:
    if not isinstance(case.body, dict):
        return
    if isinstance(case.body.get("url"), str):
        case.body["url"] = re.sub(r"^https?://[^/?#]*", WEBHOOK, case.body["url"], flags=re.IGNORECASE)
    if case.body.get("wait_seconds") in range(2, 21):
        case.body["wait_seconds"] = 1


@schemathesis.hook("before_call")
def use_a_new_idempotency_key(_context: HookContext, case: Case, _arguments: dict[str, Any]) -> None:
    """Else one key is sent with many bodies, and all but the first get 422."""
    if _is_valid(case) and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid.uuid4().hex


@schemathesis.hook("before_call")
def create_a_subscription_to_remove(_context: HookContext, case: Case, _arguments: dict[str, Any]) -> None:
    """Else most requests get 404, since the first one removed the subscription."""
    label = case.operation.label
    if _is_valid(case) and label.startswith("DELETE /topics/{topic}/subscriptions"):
        url = f"{BROKER}/topics/{case.path_parameters['topic']}/subscriptions"
        response = requests.post(url, json={"url": f"{WEBHOOK}/removed"}, headers=AUTHORIZATION, timeout=30)
        if label.endswith("{id}"):
            case.path_parameters["id"] = response.json()["id"]
        else:
            case.query["url"] = f"{WEBHOOK}/removed"


@schemathesis.hook("before_call")
def publish_a_message_to_cancel_or_find(_context: HookContext, case: Case, _arguments: dict[str, Any]) -> None:
    if _is_valid(case) and case.operation.label in {"DELETE /topics/{topic}/messages/{id}", "GET /find/{id}"}:
        url = f"{BROKER}/topics/{case.path_parameters.get('topic', 'default')}/messages"
        response = requests.post(url, json={"content": None}, headers=AUTHORIZATION, timeout=30)
        case.path_parameters["id"] = response.json()["id"]


@schemathesis.hook("before_call")
def lease_a_message_to_ack(_context: HookContext, case: Case, _arguments: dict[str, Any]) -> None:
    """Else many receipts are those of another topic."""
    if _is_valid(case) and case.operation.label == "DELETE /topics/{topic}/leases/{receipt}":
        topic = f"{BROKER}/topics/{case.path_parameters['topic']}"
        requests.post(f"{topic}/messages", json={"content": 1}, headers=AUTHORIZATION, timeout=30)
        consumed = requests.post(f"{topic}/consume", json={"max": 1}, headers=AUTHORIZATION, timeout=30)
        for leased in consumed.json()["messages"]:
            case.path_parameters["receipt"] = leased["receipt"]


@schemathesis.hook("before_call")
def deliver_a_message_to_send_once_more(_context: HookContext, case: Case, _arguments: dict[str, Any]) -> None:
    if not _is_valid(case) or case.operation.label != "POST /topics/{topic}/messages/{id}/resend":
        return
    post = partial(requests.post, headers=AUTHORIZATION, timeout=30)
    topic = f"{BROKER}/topics/{case.path_parameters['topic']}"
    subscribed = post(f"{topic}/subscriptions", json={"url": f"{WEBHOOK}/resent"}).json()
    case.path_parameters["id"] = post(f"{topic}/messages", json={"content": 1}).json()["id"]
    post(f"{topic}/broadcast")
    case.body["subscription"] = subscribed["id"]
    for _ in range(100):  # else most requests get 409
        shown = requests.get(f"{topic}/subscriptions/{subscribed['id']}", headers=AUTHORIZATION, timeout=30).json()
        if not shown["behind"]:
            break


@schemathesis.hook("filter_failure")
def accept_refusals_by_rules_that_no_schema_can_express(
    _context: HookContext, failure: Failure, _case: Case, response: Response
) -> bool:
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = response.json()
    return not all(RULES.search(fault["detail"]) for fault in problem.get("errors", [problem]))


def _is_valid(case: Case) -> bool:
    return case.meta.generation.mode == GenerationMode.POSITIVE
