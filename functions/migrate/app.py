"""Bring the schema up to date. Safe to repeat, and to run in several processes at once."""

from dataclasses import asdict
from typing import Any

from broker import deadlines
from broker.schema import migrations


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Migrate; return the schema's `version`, what was `applied`, and `notes` on what the login may not do."""
    deadlines.begin_invocation(context)
    return asdict(migrations.migrate())
