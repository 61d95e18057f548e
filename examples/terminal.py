"""How the example programs print what they do, and errors."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from client import Problem


def say(verb: str, subject: str, *content: Any) -> None:
    """Print one line: a verb, an id or URL, and the content as JSON. Programs can read it too (stage/actors.py)."""
    # one write: print() writes word by word, and words of another thread could come in between
    sys.stdout.write(" ".join([verb, subject, *map(json.dumps, content)]) + "\n")
    sys.stdout.flush()


@contextmanager
def explain_errors(*, end: bool = True) -> Iterator[None]:
    """Print an error of the broker as a sentence, and by default `end` the program. Ctrl-C ends it without one."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(0)
    except (Problem, requests.ConnectionError) as error:
        if isinstance(error, requests.ConnectionError):
            text = f"no broker responds at {os.environ.get('BROKER', 'http://127.0.0.1:3000')}: is `make run` running?"
        elif error.status == requests.codes.unauthorized and not os.environ.get("TOKEN"):
            text = "TOKEN is not set: export TOKEN=$(cat .local/admin.token)"
        else:
            text = str(error)
        if end:
            sys.exit(text)
        print(text, file=sys.stderr, flush=True)
