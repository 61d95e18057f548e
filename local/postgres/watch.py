"""Start PostgreSQL again when it dies."""

import asyncio
import sys

from local.postgres.embedded import PostgresError, Server

WATCH_SECONDS = 0.2


async def keep_running(server: Server) -> None:
    """Restart PostgreSQL whenever it has died, for ever. Requests wait while it starts."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        if server.process.poll() is not None:
            print("PostgreSQL died; starting it again", file=sys.stderr, flush=True)
            try:
                server.restart()  # here, in the main thread: it is to end with this process
            except PostgresError as error:
                print(error, file=sys.stderr, flush=True)
