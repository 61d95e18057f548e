"""`python -m bench.constant`: a function that returns a constant, behind the gateway and the workers of `make run`."""

import asyncio
import os
import signal
import socket
import tempfile
from pathlib import Path
from typing import BinaryIO

import uvloop

from local.functions.pool import Pool
from local.gateway.app import Gateway, Server
from local.template.template import Function, Route

APP = """\
RESPONSE = {
    "statusCode": 201,
    "headers": {"content-type": "application/json"},
    "body": '{"id":"01998f6e-1c00-7000-8000-000000000000"}',
}


def handler(event, context):
    return RESPONSE
"""


async def main(folder: Path, log: BinaryIO) -> None:
    """Serve the function on a free port until SIGTERM. Print `ready on URL` when it accepts requests."""
    function = Function("Constant", folder, "app.handler", (), timeout_seconds=28, memory_mb=512, environment={})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pool = Pool(log)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        routes = [Route("POST", "/topics/{topic}/messages", function)]
        server = Server(Gateway(routes, pool), lambda: print(f"ready on {url}", flush=True))

        def stop() -> None:
            server.should_exit = True

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        try:
            await server.serve(sockets=[listener])
        finally:
            pool.close()


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as temporary,
        Path(os.devnull).open("wb", buffering=0) as devnull,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        (Path(temporary) / "app.py").write_text(APP)
        runner.run(main(Path(temporary), devnull))
