"""The link with which `make run` opens the console: it has a token of its own, which ends by itself."""

import json
from datetime import UTC, datetime
from typing import Any

from local.functions.pool import Invoke
from local.template.template import Template

SCOPES = ("publish", "consume", "subscribe", "broadcast", "browse", "manage")  # not `tokens`: it could mint more
HOURS = 12


async def mint_token(broker: Template, invoke: Invoke, admin_token: str) -> str | None:
    """Mint a token for the console. None when it cannot be made: the console then asks for one."""
    manage = broker.functions.get("Manage")
    if manage is None:
        return None
    body = {
        "name": f"console-{datetime.now(UTC):%Y%m%d-%H%M%S}",
        "scopes": SCOPES,
        "expires_in_seconds": HOURS * 3600,
    }
    event = {
        "version": "2.0",
        "routeKey": "POST /tokens",
        "headers": {"authorization": f"Bearer {admin_token}"},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
    answer: dict[str, Any] = json.loads(await invoke(manage, json.dumps(event).encode()))
    return str(json.loads(answer["body"])["token"]) if answer["statusCode"] == 201 else None  # noqa: PLR2004  created
