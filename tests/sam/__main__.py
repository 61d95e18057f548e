"""`python -m tests.sam` serves the broker in `sam local` until Ctrl-C. With a file of events/ it runs that event."""

import json
import signal
import sys
from functools import partial
from pathlib import Path

from broker import token_format
from local.postgres.embedded import PostgresError
from local.secret_file import read_or_make
from local.terminal import CannotRun, say, shell_path
from tests.sam import stack
from tests.support.client import ADMIN_TOKEN, ROOT

DATA = ROOT / ".local" / "sam"
PORT = 3000  # that of `make run`, so that the README's lines work


def main(arguments: list[str]) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    DATA.mkdir(parents=True, exist_ok=True)
    key = read_or_make(DATA / "token.key", token_format.new_key)
    token = read_or_make(
        DATA / "admin.token", partial(token_format.make, key), partial(token_format.verify, keys=[key])
    )
    try:
        with stack.broker(DATA, token, key) as sam:
            if arguments:
                invoke(sam, Path(arguments[0]), token)
            else:
                serve(sam)
    except KeyboardInterrupt:
        return
    except (CannotRun, PostgresError, stack.Unhandled, OSError) as error:
        sys.exit(str(error))


def serve(sam: stack.Sam) -> None:
    say("starting a container for each function")
    with sam.api(DATA / "log", port=PORT) as api:
        token, log = shell_path(DATA / "admin.token"), shell_path(DATA / "log")
        say(f"ready on {api.url}    export TOKEN=$(cat {token})    logs: {log}    stop: Ctrl-C")
        api.process.wait()


def invoke(sam: stack.Sam, file: Path, token: str) -> None:
    event = file.read_text().replace(ADMIN_TOKEN, token)
    say(json.dumps(sam.invoke(file.stem.partition("-")[0], event), indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
