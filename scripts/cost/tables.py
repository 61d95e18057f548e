"""The tables of docs/explanation/cost.md."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

from msgspec.structs import replace as _replace

from scripts.cost import model
from scripts.cost.parameters import Parameters, meanings
from scripts.cost.traffic import Measured, Traffic

MONTHS = (
    (1e6, "1/s"),
    (100e6, "40/s, one topic"),
    (100e6, "40/s, 40 topics"),
    (100e6, "100 in each request"),
    (1e9, "400/s"),
    (1e9, "100 in each request"),
)
WHOLE = 10  # dollars, from which on no cents are shown
SPARSE, BUSY = "1/s", "40/s, one topic"


def tables(measured: Measured, by: Parameters) -> dict[str, str]:
    """Return each table as Markdown, by its name."""
    return {
        "messages": _table(
            "traffic | webhooks | Dispatch + Deliver | to SQS | $ a million | API | invocations | compute | SQS | logs",
            _messages(measured, by),
        ),
        "idle": _table("a month without messages | $", _idle(by)),
        "months": _table(
            "messages a month, as | pgbroker | managed database"
            " | SNS to HTTPS | SNS, SQS, Lambda | EventBridge | QStash",
            _months(measured, by),
        ),
        "savings": _table("change | $ a million at 1/s | at 40/s", _savings(measured, by)),
        "parameters": _table("option | default | is", _parameters()),
    }


def _messages(measured: Measured, by: Parameters) -> Iterator[Sequence[str]]:
    for each in measured.traffic:
        cost = model.cost(each, by)
        parts = (cost.api, cost.invocations, cost.compute, cost.sqs, cost.logs)
        runs = f"{each.dispatch.runs:.2f} + {each.deliver.runs:.2f}"
        total = f"**{cost.total:.2f}**"
        yield (
            each.load,
            str(each.subscribers),
            runs,
            f"{each.sqs_requests:.2f}",
            total,
            *(f"{part:.2f}" for part in parts),
        )


def _idle(by: Parameters) -> Iterator[Sequence[str]]:
    none = replace(by, queues=0, secrets=0, alarm_metrics=0, dashboards=0, daily_metrics=0)
    asleep, awake = model.sleeping_aurora(by), model.awake_aurora(by)
    without = model.idle(by)
    yield "polling of the two queues", f"{model.idle(replace(none, queues=by.queues)):.2f}"
    yield f"{by.secrets:g} secrets", f"{model.idle(replace(none, secrets=by.secrets)):.2f}"
    yield (
        f"alarms, which read {by.alarm_metrics:g} metrics",
        f"{model.idle(replace(none, alarm_metrics=by.alarm_metrics)):.2f}",
    )
    yield "the dashboard", f"{model.idle(replace(none, dashboards=by.dashboards)):.2f}"
    yield "the metrics of Maintain", f"{model.idle(replace(none, daily_metrics=by.daily_metrics)):.2f}"
    yield "**all but the database**", f"**{without:.2f}**"
    yield f"interface endpoints of the managed database: {by.interfaces:g}", f"{model.endpoints(by):.2f}"
    yield "its Aurora, which sleeps, but for Maintain once a day", f"{asleep:.2f}"
    yield "**with the managed database**", f"**{without + model.endpoints(by) + asleep:.2f}**"
    yield "its Aurora, when it never sleeps, at half a unit", f"{awake:.2f}"
    yield "**with the managed database, which never sleeps**", f"**{without + model.endpoints(by) + awake:.2f}**"
    yield "with a database of your own: a secret for its URL, and what it costs", f"{without + by.secret:.2f}"


def _months(measured: Measured, by: Parameters) -> Iterator[Sequence[str]]:
    for messages, load in MONTHS:
        one, three = measured.find(load, 1), measured.find(load, 3)
        pair = {1: one, 3: three}
        millions = messages / model.MILLION
        batch = 10 if load == "100 in each request" else 1  # SNS takes ten in a request
        prices = replace(by, sns=by.sns / batch)
        yield (
            f"{millions:,.0f} M, {load}",
            _pair(model.idle(by) + model.metrics(by) + millions * model.cost(each, by).total for each in pair.values()),
            _pair(model.endpoints(by) + model.aurora(each, messages, by) for each in pair.values()),
            _pair(millions * model.sns(number, prices) for number in pair),
            _pair(
                millions * model.sns_with_queues(number, measured.find(SPARSE, 1).deliver, prices) for number in pair
            ),
            _pair(millions * model.eventbridge(number, by) for number in pair),
            _pair(model.qstash(messages, number, by) for number in pair),
        )


def _savings(measured: Measured, by: Parameters) -> Iterator[Sequence[str]]:
    loads = [measured.find(SPARSE, 1), measured.find(BUSY, 1)]
    changes: list[tuple[str, dict[str, float], list[Traffic]]] = [
        ("none", {}, loads),
        ("`Architecture: arm64`", {"gb_seconds": by.gb_seconds * 0.8}, loads),
        ("a function URL instead of API Gateway", {"http_api": 0.0}, loads),
        (
            "Dispatch invokes Deliver, without DeliveryQueue",
            {},
            [_replace(each, requests_to_deliver=0.0) for each in loads],
        ),
        (
            "functions invoke each other, without queues",
            {},
            [_replace(each, requests_to_deliver=0.0, requests_to_dispatch=0.0) for each in loads],
        ),
        ("100 messages in each request", {}, [measured.find("100 in each request", 1)] * 2),
    ]
    for change, parameters, changed in changes:
        yield change, *(f"{model.cost(each, replace(by, **parameters)).total:.2f}" for each in changed)


def _parameters() -> Iterator[Sequence[str]]:
    for each in fields(Parameters):
        yield f"`--{each.name.replace('_', '-')}`", f"{each.default:g}", meanings()[each.name]


def _pair(values: Iterator[float | None]) -> str:
    return " / ".join(
        "by contract" if value is None else f"{value:,.{0 if value >= WHOLE else 2}f}" for value in values
    )


def _table(head: str, rows: Iterator[Sequence[str]]) -> str:
    columns = head.count("|") + 1
    return "\n".join([f"| {head} |", "|" + "---|" * columns, *(f"| {' | '.join(row)} |" for row in rows)])
