"""Django: `django.db.connection`, and those of `django.db.connections`."""

from collections.abc import Mapping
from typing import Any


def fetch(connection: Any, text: str, values: Mapping[str, Any]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        [value] = cursor.fetchone()
    return str(value)
