"""`python -m local`: the whole broker on this machine, driven by template.yaml."""

import asyncio
import errno
import json
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO

import uvloop

from local import settings
from local.functions.in_process import InProcess
from local.functions.pool import Invoke, NoWorker, Pool
from local.functions.process import FunctionError
from local.functions.schedules import run_on_schedule, scheduled_event
from local.gateway.app import Gateway, Server
from local.postgres.database import database
from local.postgres.embedded import PostgresError
from local.postgres.embedded import Server as PostgresServer
from local.postgres.watch import keep_running
from local.queues.loop import Loop, queues_at, queues_listener
from local.secret_file import kept
from local.settings import Settings
from local.template import template
from local.template.template import Template
from local.terminal import CannotRun, pasted, say

ROOT = Path(__file__).parents[1]
MAX_LOG_BYTES = 10 * 1024 * 1024


def main(arguments: list[str]) -> int:
    """Run until Ctrl-C or SIGTERM, which is 0; 1 says that something was in the way."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if arguments not in ([], ["--in-process"]):
        print("usage: python -m local [--in-process]", file=sys.stderr)
        return 1
    try:
        _run(settings.read(ROOT), in_process=bool(arguments))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0
    except (CannotRun, PostgresError, template.TemplateError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(wish: Settings, *, in_process: bool) -> None:
    wish.data.mkdir(parents=True, exist_ok=True)
    token = wish.admin_token or kept(wish.data / "admin.token", lambda: f"brk_{secrets.token_urlsafe(32)}")
    with _listener(wish) as listener, queues_listener() as sending, ThreadPoolExecutor(1) as side:
        translating = side.submit(template.translate, ROOT / "template.yaml", wish.data / "template.json")
        with database(wish) as storage, _log(wish.data / "log") as log:
            parameters = {
                "DatabaseUrl": storage.url,
                "OwnerDatabaseUrl": storage.owner_url,
                "AdminToken": token,
                "AllowPrivateWebhooks": "true",
            }
            broker = template.read(translating.result(), ROOT, parameters, queues_at=queues_at(sending))
            ready = partial(_say_ready, wish, listener, token, storage.psql)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
                loop.run(_serve(wish, broker, storage.server, listener, sending, log, ready, in_process=in_process))


def _listener(wish: Settings) -> socket.socket:
    """Bind at once, so that a taken port is known before anything is started."""
    listener = socket.socket(socket.AF_INET6 if ":" in wish.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((wish.host, wish.port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotRun(f"port {wish.port} is taken: stop what uses it, or set BROKER_PORT") from error
        raise CannotRun(f"cannot listen on {wish.host}, port {wish.port}: {error.strerror}") from error
    return listener


def _log(file: Path) -> BinaryIO:
    if file.exists() and file.stat().st_size > MAX_LOG_BYTES:
        file.rename(file.with_name("log.1"))
    return file.open("ab", buffering=0)


async def _serve(
    wish: Settings,
    broker: Template,
    postgres: PostgresServer | None,
    listener: socket.socket,
    sending: socket.socket,
    log: BinaryIO,
    ready: Callable[[], None],
    *,
    in_process: bool,
) -> None:
    pool = InProcess(broker.functions.values()) if in_process else Pool(log, limit=wish.workers)
    # workers of their own, so that webhooks which hang take none from the requests
    at_once = sum(source.concurrency for source in broker.sources)
    background = pool if isinstance(pool, InProcess) else Pool(log, limit=max(1, at_once))
    loop = Loop(broker, sending, background)
    server = Server(Gateway(broker.routes, pool, access_log=wish.access_log), ready)
    starting = asyncio.current_task()

    def stop() -> None:
        if server.started:
            server.should_exit = True
        elif starting is not None:
            starting.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await _prepare(broker, pool)
        for name in ("Publish", "Consume"):
            pool.warm(broker.functions[name])
        for source in broker.sources:
            background.warm(source.function)
        async with asyncio.TaskGroup() as tasks:
            chores = [
                tasks.create_task(chore)
                for chore in (
                    *loop.chores(),
                    *(run_on_schedule(schedule, pool) for schedule in broker.schedules),
                    *([keep_running(postgres)] if postgres else []),
                )
            ]
            await server.serve(sockets=[listener])
            for chore in chores:
                chore.cancel()
    finally:
        loop.close()
        background.close()
        pool.close()


async def _prepare(broker: Template, invoke: Invoke) -> None:
    """Bring the schema up to date, and do once what a schedule will do again."""
    try:
        migrated = json.loads(await invoke(broker.functions["Migrate"], b"{}"))
        for note in migrated.get("notes", []):
            say(note)
        for schedule in broker.schedules:
            await invoke(schedule.function, scheduled_event(schedule))
    except (FunctionError, NoWorker) as error:
        raise CannotRun(f"the database could not be prepared: {error}") from error


def _say_ready(wish: Settings, listener: socket.socket, token: str, psql: str | None) -> None:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  from here, wherever else it listens
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    authorization = '-H "Authorization: Bearer $TOKEN"'
    say(f"ready on {url}\n")
    say(f"export TOKEN={token}")
    say(f"""curl {authorization} -d '{{"content": {{"id": 1}}}}' {url}/topics/orders/messages""")
    say(f"""curl {authorization} -d '{{"max": 10}}' {url}/topics/orders/consume""")
    if psql is not None:
        say(psql)
    say(f"\nlogs: {pasted(wish.data / 'log')}    stop: Ctrl-C")
