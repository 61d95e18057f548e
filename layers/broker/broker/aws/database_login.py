"""Log in to Amazon RDS by IAM: with a token in place of a password, which is signed here and good for 15 minutes.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from broker import settings
from broker.aws import signing

HOST = re.compile(r"\.(?P<region>[a-z]+(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com(?:\.cn)?\Z")
TOKEN_SECONDS = 900


def applies(parameters: Mapping[str, str]) -> bool:
    """Whether a URL means a login by IAM: one to a host of RDS that has a user and no password."""
    return "user" in parameters and "password" not in parameters and _region(parameters) is not None


def token(parameters: Mapping[str, str]) -> str:
    """Sign a token for the host, port and user of a URL, with the function's credentials. Raises SettingMissing.

    One is signed for each connection (0.1 ms), so none is ever old. RDS checks it when the connection begins only.
    """
    return signing.presign(
        f"{parameters['host']}:{parameters.get('port', '5432')}",
        {"Action": "connect", "DBUser": parameters["user"]},
        credentials=settings.credentials(),
        region=_region(parameters) or "",
        service="rds-db",
        time=datetime.now(UTC),
        seconds=TOKEN_SECONDS,
    )


def _region(parameters: Mapping[str, str]) -> str | None:
    found = HOST.search(parameters.get("host", "").lower())
    return found["region"] if found else None
