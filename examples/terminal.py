"""What the example programs say in their terminals."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from client import Problem


def say(verb: str, about: str, *content: Any) -> None:
    """One line a fact, the verb and what it is about first, so that programs can read it too (stage/actors.py)."""
    # in one piece: print() writes the words one by one, and another thread's words in between
    sys.stdout.write(" ".join([verb, about, *map(json.dumps, content)]) + "\n")
    sys.stdout.flush()


@contextmanager
def explaining(*, end: bool = True) -> Iterator[None]:
    """Put the broker's trouble into a sentence, and `end` the program with it. Ctrl-C ends it without one."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(0)
    except (Problem, requests.ConnectionError) as error:
        if isinstance(error, requests.ConnectionError):
            told = f"no broker answers at {os.environ.get('BROKER', 'http://127.0.0.1:3000')}: does `make run` run?"
        elif error.status == requests.codes.unauthorized and not os.environ.get("TOKEN"):
            told = "who are you? export TOKEN=$(cat .local/admin.token)"
        else:
            told = str(error)
        if end:
            sys.exit(told)
        print(told, file=sys.stderr, flush=True)
