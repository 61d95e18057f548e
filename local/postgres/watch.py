"""Start PostgreSQL again when it dies."""

import asyncio
import sys

from local.postgres.embedded import PostgresError, Server

CHECK_SECONDS = 0.2


async def keep_running(server: Server) -> None:
    """Restart PostgreSQL whenever it has died, until this task is cancelled. Requests wait while it starts."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        if server.process.poll() is not None:
            print("PostgreSQL died; starting it again", file=sys.stderr, flush=True)
            try:
                server.restart()  # not in another thread: PostgreSQL would end with that thread
            except PostgresError as error:
                print(error, file=sys.stderr, flush=True)
