"""Django in this process: settings for all tests of a worker, which can be configured once only."""

import os
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from django.urls import path
from psycopg.conninfo import conninfo_to_dict


def configure() -> None:
    """Set Django up, with CSRF checked, the worker's PostgreSQL and a SQLite in memory."""
    if settings.configured:
        return
    server = conninfo_to_dict(os.environ["OWNER_DATABASE_URL"])
    postgresql = {
        "ENGINE": "django.db.backends.postgresql",
        **{name.upper(): server.get(key) for name, key in [("name", "dbname"), ("user", "user"), ("host", "host")]},
        "PASSWORD": server.get("password", ""),
        "PORT": server.get("port", ""),
    }
    settings.configure(
        SECRET_KEY="secret",
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
        LOGGING_CONFIG=None,
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
            "postgresql": postgresql,
        },
    )
    django.setup()


def serve(view: Any) -> None:
    """Let `/` and `/<shop>/` be this view, and nothing else."""
    configure()
    urls = ModuleType("urls")  # a new one each time: Django remembers the views of a module
    urls.urlpatterns = [path("", view), path("<shop>/", view)]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urls
