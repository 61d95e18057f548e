"""Bring the schema up to date. Safe to repeat, and to run in several processes at once."""

from typing import Any

import msgspec

from broker import deadlines
from broker.schema import migrations, payload


def handler(event: dict[str, Any], context: Any) -> Any:
    """Migrate; return the schema's `version`, what was `applied`, `notes` on what the login may not do, `connections`.

    `schema/payload.py` says what the event may have. With a password of the functions the answer has `functions_url`.
    """
    deadlines.begin_invocation(context)
    return msgspec.to_builtins(migrations.migrate(payload.read(event)))
