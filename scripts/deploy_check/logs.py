"""What the logs of the functions show, after the traffic of the other checks."""

import json
import re
import statistics
import time
from collections.abc import Iterator

from scripts.deploy_check import traffic
from scripts.deploy_check.deployed import Deployed, Finding

LINES_SECONDS = 60  # CloudWatch shows a line seconds after it is written
ROUTE = "POST /topics/{topic}/messages"
WEEK_MS = 7 * 86_400_000
INIT = re.compile(r"Init Duration: ([\d.]+) ms")


def lines(of: Deployed) -> Finding:
    """Find the line of the publish that the catch-up has sent, and in no function's log its content."""
    give_up = time.monotonic() + LINES_SECONDS
    since = _now_ms() - 600_000
    while not (found := list(_search(of, "Publish", f'"{ROUTE}"', since))) and time.monotonic() < give_up:
        time.sleep(5)
    leaking = [name for name in of.functions if any(_search(of, name, f'"{traffic.MARK}"', since))]
    seen = f"lines of Publish: {len(found)}; logs with content: {', '.join(leaking) or 'none'}"
    return Finding(seen, is_expected=bool(found) and not leaking)


def cold_starts(of: Deployed) -> Finding:
    """Read how long the starts of a week took, by AWS's own count, before the handler is called."""
    seen = []
    for name in of.functions:
        texts = _search(of, name, '?"Init Duration" ?initDurationMs', _now_ms() - WEEK_MS)
        if taken := [milliseconds for text in texts if (milliseconds := _init(text)) is not None]:
            seen.append(f"{name} {statistics.median(taken):.0f} ms ({len(taken)})")
    return Finding(", ".join(seen) or "no start in a week", is_expected=None)


def _init(text: str) -> float | None:
    """The milliseconds of a start in a REPORT line, or in a platform.report of JSON; None when it has none."""
    if found := INIT.search(text):
        return float(found[1])
    try:
        return float(json.loads(text)["record"]["metrics"]["initDurationMs"])
    except (ValueError, KeyError, TypeError):
        return None


def _search(of: Deployed, function: str, pattern: str, since_ms: int) -> Iterator[str]:
    """The lines of a function's log that match a filter pattern of CloudWatch Logs. None without a log."""
    found = of.client("lambda").get_function_configuration(FunctionName=of.names[function])
    group = found.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{of.names[function]}"
    logs = of.client("logs")
    try:
        for page in of.pages(
            "logs", "filter_log_events", logGroupName=group, filterPattern=pattern, startTime=since_ms
        ):
            yield from (event["message"] for event in page["events"])
    except logs.exceptions.ResourceNotFoundException:  # it has never run
        return


def _now_ms() -> int:
    return int(time.time() * 1000)
