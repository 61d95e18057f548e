"""`python -m scripts.python_reference` generates docs/reference/python.md from the code of client/."""

import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, get_type_hints

import msgspec

from pgbroker import errors, outcomes, sql, testing, types, verbs, webhooks
from pgbroker.broker import Broker
from pgbroker.consumer import Consumer
from pgbroker.publisher import Publisher
from scripts.contract import ROOT

PAGE = ROOT / "docs" / "reference" / "python.md"
FRAMEWORKS = ("fastapi", "flask", "django", "aws_lambda", "asgi", "wsgi")
GROUPS = {
    "Publish": ("publish", "publish_many", "publisher"),
    "Consume": ("consume", "settle", "ack", "consumer"),
    "Broadcast and subscribe": (
        "broadcast",
        "subscribe",
        "list_subscriptions",
        "read_subscription",
        "change_subscription",
        "rotate_secret",
        "test_subscription",
        "unsubscribe",
        "unsubscribe_url",
        "list_attempts",
    ),
    "Look at messages": ("browse_messages", "trace_message", "list_history", "find", "resend", "cancel_message"),
    "Dead letters": ("list_dead_letters", "redrive", "delete_dead_letters"),
    "Topics": ("read_overview", "list_topics", "read_topic", "list_rates", "put_topic", "change_topic", "delete_topic"),
    "Tokens": ("mint_token", "list_tokens", "read_token", "read_own_token", "revoke_token"),
    "The broker": ("root", "health", "contract", "iterate", "send", "close"),
}
OPTIONS = {
    "consume": verbs.Consume,
    "browse_messages": verbs.Browse,
    "list_history": verbs.ListHistory,
    "list_dead_letters": verbs.ListDeadLetters,
    "consumer": import_module("pgbroker.async_consumer").Options,
}
HEAD = """# Python

The package `pgbroker`: how to install it is in [client/README.md](../../client/README.md). This page is generated from
its code by `python -m scripts.python_reference`. What the operations mean is in the [HTTP API](api.md).

```py
from pgbroker import Broker

with Broker() as broker:  # of $BROKER and $TOKEN
    broker.publish("orders", {"order": 1})
    for message in broker.consume("orders", wait_seconds=5):
        print(message.content)
        broker.ack("orders", message)
```
"""


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *_broker(), *_records(), *_webhooks(), *_sql(), *_testing()])


def _broker() -> Iterator[str]:
    yield from _entry("## Broker", "Broker", Broker, Broker.__init__)
    yield "`AsyncBroker` has the same methods, for asyncio: they are awaited, and `iterate` is used in `async for`.\n"
    for group, names in GROUPS.items():
        yield f"### {group}\n"
        for name in names:
            method = getattr(Broker, name)
            yield from _entry("", f"broker.{name}", method, method, OPTIONS.get(name))
    yield "### Publishers and consumers\n"
    for kind, names in ((Publisher, ("publish", "flush", "close")), (Consumer, ("run", "stop"))):
        yield _text(kind) + "\n"
        for name in names:
            method = getattr(kind, name)
            yield from _entry("", f"{kind.__name__.lower()}.{name}", method, method)
    yield "A handler of a consumer may raise:\n"
    for outcome in (outcomes.Retry, outcomes.Reject):
        yield from _entry("", outcome.__name__, outcome, outcome.__init__)


def _records() -> Iterator[str]:
    yield "## Errors\n"
    yield "All are `BrokerError`. Those with a type are a `Problem`, whose fields are `status`, `title`, `detail`,"
    yield "`errors`, `request_id` and `retry_after`. What each means: [problems](problems.md).\n"
    yield "| error | type | meaning |\n|---|---|---|"
    for error in _subclasses(errors.BrokerError):
        urn = f"`{error.type}`" if issubclass(error, errors.Problem) and error is not errors.Problem else ""
        yield f"| `{error.__name__}` | {urn} | {_text(error).partition(chr(10))[0]} |"
    yield "\n## Types\n"
    yield f"`pgbroker.types`: {_text(types)} They are frozen structs of msgspec.\n"
    yield "| type | fields |\n|---|---|"
    for name in types.__all__:
        kind = getattr(types, name)
        if inspect.isclass(kind) and issubclass(kind, msgspec.Struct):
            fields = ", ".join(f"`{field.encode_name}: {_short(field.type)}`" for field in msgspec.structs.fields(kind))
            yield f"| `{name}` | {fields.replace('|', chr(92) + '|')} |"


def _webhooks() -> Iterator[str]:
    yield "\n## Webhooks\n"
    yield f"`pgbroker.webhooks`: {_text(webhooks)} How to: [receive webhooks](../how-to/receive-webhooks.md).\n"
    for name in ("verify", "sign", "ok", "failed", "abort", "slow_down", "later", "gone", "handle", "handle_async"):
        function = getattr(webhooks, name)
        yield from _entry("", f"webhooks.{name}", function, function)
    for name in ("Delivery", "PushedMessage", "Answer", "InvalidWebhook", "Seen"):
        yield f"**`webhooks.{name}`** {_text(getattr(webhooks, name))}\n"
    for name in FRAMEWORKS:
        module = import_module(f"pgbroker.webhooks.{name}")
        yield from _entry("", f"pgbroker.webhooks.{name}.webhook", module.webhook, module.webhook)


def _sql() -> Iterator[str]:
    yield "## SQL\n"
    guide = "[publish in your transaction](../how-to/publish-in-your-transaction.md)"
    yield f"`pgbroker.sql`: {_text(sql)} How to: {guide}.\n"
    for name in ("publish", "publish_many", "consume", "settle", "broadcast"):
        function = getattr(sql, name)
        yield from _entry("", f"sql.{name}", function, function)


def _testing() -> Iterator[str]:
    yield "## Testing\n"
    yield f"`pgbroker.testing`: {_text(testing)}\n"
    yield from _entry("", "MemoryBroker", testing.MemoryBroker, testing.MemoryBroker.__init__)
    for name in ("broker", "async_broker", "advance", "dead_letters"):
        method = getattr(testing.MemoryBroker, name)
        yield from _entry("", f"memory_broker.{name}", method, method)
    yield from _entry("", "testing.running", testing.running, testing.running)
    plugin = import_module("pgbroker.testing.plugin")
    yield f"`pgbroker.testing.plugin`: {_text(plugin)}\n"
    for name in ("memory_broker", "running_broker"):
        yield f"**`{name}`** {_text(getattr(plugin, name))}\n"


def _entry(heading: str, name: str, described: Any, called: Callable[..., Any], options: Any = None) -> Iterator[str]:
    """Yield a signature and a docstring."""
    if heading:
        yield f"{heading}\n"
    yield f"```python\n{name}{_signature(called, options)}\n```\n"
    yield f"{_text(described)}\n"


def _signature(called: Callable[..., Any], options: Any) -> str:
    signature = inspect.signature(called)
    parts = [each for each in signature.parameters.values() if each.name != "self"]
    if options:
        parts = [each for each in parts if each.name != "options"]
    shown = [_short(str(each)) for each in parts]
    keyword_only = next((n for n, each in enumerate(parts) if each.kind is inspect.Parameter.KEYWORD_ONLY), None)
    if keyword_only is not None:
        shown.insert(keyword_only, "*")
    if options:
        shown += [f"{name}: {_short(hint)} = …" for name, hint in get_type_hints(options).items()]
    result = ""
    if signature.return_annotation not in {inspect.Signature.empty, None}:
        result = " -> " + re.sub(r"^Request.(.*).$", r"\1", _short(signature.return_annotation))
    text = f"({', '.join(shown)})"
    if len(text + result) > 80:  # noqa: PLR2004  characters, beside the name
        text = "(\n" + "".join(f"    {each},\n" for each in shown) + ")"
    return text + result


def _short(annotation: Any) -> str:
    """Write a type as code does: without the names of modules, and unions with bars."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"\b(?:[a-z_0-9]+\.)+(?=[A-Za-z_])", "", text.replace("NoneType", "None"))
    text = re.sub(r"\b_(?=[A-Z])", "", text)
    text = re.sub(r"ForwardRef\('(.*?)'\)|[~']", r"\1", text)
    while (union := re.search(r"Union\[((?:[^\[\]]|\[[^\[\]]*\])*)\]", text)) is not None:
        members = re.sub(r", (?![^\[]*\])", " | ", union[1])
        text = text.replace(union[0], members)
    return text


def _text(described: Any) -> str:
    return inspect.cleandoc(described.__doc__ or "")


def _subclasses(kind: type[errors.BrokerError]) -> Iterator[type[errors.BrokerError]]:
    for each in kind.__subclasses__():
        if each.__module__ == "pgbroker.errors":
            yield each
            yield from _subclasses(each)


if __name__ == "__main__":
    PAGE.write_text(page())
