"""docs/how-to/publish-in-your-transaction.md works as it is written, with `make run` and its database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgbroker import Broker
from tests.docs.test_pages import blocks
from tests.support.client import ROOT
from tests.support.endpoints import Endpoint
from tests.support.runner import running

PAGE = (ROOT / "docs/how-to/publish-in-your-transaction.md").read_text()
LOGIN = "my_app@localhost"
WARNINGS = ["-W", "error", "-W", "ignore::ResourceWarning"]  # a program ends with its engine and its broker open
MODELS = """
from django.db import models

class Order(models.Model):
    id = models.IntegerField(primary_key=True)

    class Meta:
        app_label = "shop"
        db_table = "orders"
"""
SETTINGS = """
import django
from django.conf import settings
settings.configure(DATABASES={{"default": {{"ENGINE": "django.db.backends.postgresql", "NAME": "broker",
    "USER": "my_app", "PASSWORD": "secret", "HOST": "127.0.0.1", "PORT": {port}}}}})
django.setup()
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running(tmp_path) as url, Broker(url, (tmp_path / "admin.token").read_text().strip()) as broker:
        yield broker


@pytest.mark.slow
def test_each_way_to_publish_and_consume_works(broker: Broker, tmp_path: Path) -> None:
    port, password = ((tmp_path / f"postgres.{name}").read_text().strip() for name in ("port", "password"))
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "models.py").write_text(MODELS)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'client'}:{tmp_path}:{os.environ.get('PYTHONPATH', '')}",
        "BROKER": broker.url,
        "TOKEN": (tmp_path / "admin.token").read_text().strip(),
    }
    with (
        psycopg.connect(f"postgresql://postgres:{password}@127.0.0.1:{port}/broker", autocommit=True) as admin,
        Endpoint() as endpoint,
    ):
        admin.execute("CREATE ROLE my_app LOGIN PASSWORD 'secret'; GRANT CREATE ON SCHEMA public TO my_app")
        broker.subscribe("order-events", f"{endpoint.url}/")
        grant, publish = blocks(PAGE, "sql")
        admin.execute(grant.encode())
        admin.execute(b"SET SESSION AUTHORIZATION my_app;" + publish.encode())
        for number, block in enumerate(blocks(PAGE, "python")):
            program = tmp_path / f"program_{number}.py"
            prelude = SETTINGS.format(port=port) if "django" in block else ""
            program.write_text(prelude + block.replace(LOGIN, f"my_app:secret@127.0.0.1:{port}"))
            ran = subprocess.run(
                [sys.executable, *WARNINGS, program], env=environment, capture_output=True, text=True, check=False
            )
            assert (ran.returncode, ran.stderr) == (0, ""), block

        pushed = {request.body.decode().count('"state"') for request in endpoint.wait_for(2)}
        assert pushed == {1}
        for table in ("orders", "shipped"):
            assert [row for (row,) in admin.execute(f"SELECT id FROM {table} ORDER BY id")] == [4, 5, 6, 7, 8]
    assert broker.read_topic("orders").queue.waiting == 0
