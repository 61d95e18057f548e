"""Django, which can be set up once in a process, for whichever test needs it first."""

from typing import Any

import django
from django.conf import settings
from django.db import connections
from django.utils.connection import ConnectionProxy


def configure(**given: Any) -> None:
    """Set up Django, and change these settings. It may be called again, with others."""
    if not settings.configured:
        settings.configure()
        django.setup()
    for name, value in given.items():
        setattr(settings, name, value)


def database(alias: str, **parameters: Any) -> Any:
    """Add a database of PostgreSQL to Django's; return what `django.db.connection` is for it."""
    configure()
    parameters["ENGINE"] = "django.db.backends.postgresql"
    connections.settings[alias] = connections.configure_settings({"default": {}, alias: parameters})[alias]
    return ConnectionProxy(connections, alias)
