"""Django, which can be set up once in a process, for whichever test needs it first."""

import os
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from django.db import connections
from django.urls import path
from django.utils.connection import ConnectionProxy
from psycopg.conninfo import conninfo_to_dict

PARAMETERS = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}


def configure() -> None:
    """Set up Django, with CSRF checked, a SQLite in memory, and the worker's PostgreSQL. It may be called again."""
    if settings.configured:
        return
    server = conninfo_to_dict(os.environ["OWNER_DATABASE_URL"])
    settings.configure(
        SECRET_KEY="secret",
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
        LOGGING_CONFIG=None,
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
            "postgresql": {
                "ENGINE": "django.db.backends.postgresql",
                **{name: server.get(parameter, "") for name, parameter in PARAMETERS.items()},
            },
        },
    )
    django.setup()


def serve(view: Any) -> None:
    """Let `/` and `/<shop>/` be this view, and nothing else."""
    configure()
    urls = ModuleType("urls")  # a new one each time: Django remembers the views of a module
    urls.urlpatterns = [path("", view), path("<shop>/", view)]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urls


def database(alias: str, **parameters: Any) -> Any:
    """Add a database of PostgreSQL to Django's; return what `django.db.connection` is for it."""
    configure()
    parameters["ENGINE"] = "django.db.backends.postgresql"
    connections.settings[alias] = connections.configure_settings({"default": {}, alias: parameters})[alias]
    return ConnectionProxy(connections, alias)
