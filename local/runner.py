"""`make run` (`python -m local`): the whole broker on this machine, without Docker or AWS.

template.yaml says what runs. The runner starts PostgreSQL (postgres/), runs the functions in processes (functions/),
and does the work of API Gateway (gateway/), of SQS (queues/) and of the daily schedule.
"""

import asyncio
import errno
import hashlib
import ipaddress
import json
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO

import uvloop

from local import console
from local import token as tokens
from local.functions.in_process import InProcess
from local.functions.pool import Invoke, NoWorker, Pool
from local.functions.process import FunctionError
from local.functions.schedules import run_on_schedule, scheduled_event
from local.gateway.app import Gateway, Server
from local.postgres.database import database
from local.postgres.embedded import PostgresError
from local.postgres.embedded import Server as PostgresServer
from local.postgres.watch import keep_running
from local.queues.loop import QueueLoop, base_url, listen
from local.settings import Settings
from local.settings import read as read_settings
from local.template import template
from local.template.template import Template
from local.template.values import TemplateError
from local.terminal import CannotRun, say, shell_path

ROOT = Path(__file__).parents[1]
MAX_LOG_BYTES = 10 * 1024 * 1024


def main(arguments: list[str]) -> int:
    """Run until Ctrl-C or SIGTERM, and return 0. Return 1 if the broker cannot run; the reason is on standard error."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if arguments not in ([], ["--in-process"]):
        print("usage: python -m local [--in-process]", file=sys.stderr)
        return 1
    try:
        _run(read_settings(ROOT), in_process=bool(arguments))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0
    except (CannotRun, PostgresError, TemplateError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(settings: Settings, *, in_process: bool) -> None:
    settings.data.mkdir(parents=True, exist_ok=True)
    keys = tokens.read_keys(settings)
    token = tokens.admin_token(settings, keys)
    with _bind(settings) as listener, listen() as queue_listener, ThreadPoolExecutor(1) as thread:
        # about a second: PostgreSQL starts at the same time
        translation = thread.submit(template.translate, ROOT / "template.yaml", settings.data / "template.json")
        with database(settings) as storage, _open_log(settings.data / "log") as log:
            broker = template.read(
                translation.result(),
                ROOT,
                {
                    "Database": storage.owner_url,
                    "Options": json.dumps(_with_private_webhooks(settings.options, listener)),
                },
                resources={"LoginSecret": storage.url, "Migrated.TokenKeys": ",".join(keys)},
                queue_base_url=base_url(queue_listener),
            )
            ready = partial(_say_ready, settings, listener, token, storage.psql)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
                server = storage.server
                serving = _serve(
                    settings, broker, token, server, listener, queue_listener, log, ready, in_process=in_process
                )
                loop.run(serving)


def _bind(settings: Settings) -> socket.socket:
    """Bind the port first, so that a port in use is reported before anything starts."""
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotRun(f"port {settings.port} is taken: stop what uses it, or set BROKER_PORT") from error
        raise CannotRun(f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}") from error
    return listener


def _with_private_webhooks(options: Mapping[str, object], listener: socket.socket) -> Mapping[str, object]:
    """Allow private webhooks on loopback only, unless the options say it: others could have this machine call more."""
    address = listener.getsockname()[0]
    allowed = ipaddress.ip_address(address).is_loopback
    if not allowed and "allow_private_webhooks" not in options:
        say(
            f"private webhooks are refused, because this listens on {address}:"
            ' OPTIONS={"allow_private_webhooks": true} allows them'
        )
    return {"allow_private_webhooks": allowed, **options}


def _open_log(file: Path) -> BinaryIO:
    if file.exists() and file.stat().st_size > MAX_LOG_BYTES:
        file.rename(file.with_name("log.1"))
    return file.open("ab", buffering=0)


async def _serve(
    settings: Settings,
    broker: Template,
    token: str,
    postgres: PostgresServer | None,
    listener: socket.socket,
    queue_listener: socket.socket,
    log: BinaryIO,
    ready: Callable[[str | None], None],
    *,
    in_process: bool,
) -> None:
    pool = InProcess(broker.functions.values()) if in_process else Pool(log, limit=settings.workers)
    # the queues have workers of their own: webhooks that hang take no worker from HTTP requests
    concurrency = sum(source.concurrency for source in broker.sources)
    queue_pool = pool if isinstance(pool, InProcess) else Pool(log, limit=max(1, concurrency))
    queues = QueueLoop(broker, queue_listener, queue_pool)
    console_token: str | None = None
    server = Server(Gateway(broker.routes, pool, access_log=settings.access_log), lambda: ready(console_token))
    startup = asyncio.current_task()

    def stop() -> None:
        if server.started:
            server.should_exit = True
        elif startup is not None:
            startup.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await _prepare(broker, pool, {"admin_token_hash": hashlib.sha256(token.encode()).hexdigest()})
        for name in ("Publish", "Consume"):
            pool.warm(broker.functions[name])
        for source in broker.sources:
            queue_pool.warm(source.function)
        console_token = await console.mint_token(broker, pool, token)
        async with asyncio.TaskGroup() as tasks:
            background_tasks = [
                tasks.create_task(coroutine)
                for coroutine in (
                    *queues.tasks(),
                    *(run_on_schedule(schedule, pool) for schedule in broker.schedules),
                    *([keep_running(postgres)] if postgres else []),
                )
            ]
            await server.serve(sockets=[listener])
            for task in background_tasks:
                task.cancel()
    finally:
        queues.close()
        queue_pool.close()
        pool.close()


async def _prepare(broker: Template, invoke: Invoke, payload: dict[str, str]) -> None:
    """Bring the schema up to date, and run each scheduled function once."""
    try:
        migration = json.loads(await invoke(broker.functions["Migrate"], json.dumps(payload).encode()))
        for note in migration.get("notes", []):
            say(note)
        for schedule in broker.schedules:
            await invoke(schedule.function, scheduled_event(schedule))
    except (FunctionError, NoWorker) as error:
        raise CannotRun(f"the database could not be prepared: {error}") from error


def _say_ready(
    settings: Settings, listener: socket.socket, token: str, psql: str | None, console_token: str | None
) -> None:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  the address for this machine
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    authorization = '-H "Authorization: Bearer $TOKEN"'
    say(f"ready on {url}\n")
    say(f"console: {url}/console{f'#token={console_token}' if console_token else ''}\n")
    say(f"export TOKEN={token}")
    say(f"""curl {authorization} -d '{{"content": {{"id": 1}}}}' {url}/topics/orders/messages""")
    say(f"""curl {authorization} -d '{{"max": 10}}' {url}/topics/orders/consume""")
    command = Path(sys.executable).with_name("pgbroker")
    if command.exists():
        say(f'echo "$TOKEN" | {shell_path(command)} login --url {url}')
    if psql is not None:
        say(psql)
    say(f"\nlogs: {shell_path(settings.data / 'log')}    stop: Ctrl-C")
