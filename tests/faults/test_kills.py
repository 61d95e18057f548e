"""kill -9 under load: what was acknowledged is consumed in the end, and what was settled does not come back."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.load import Load
from tests.faults.runner import Runner, kill

ROUNDS = int(os.environ.get("ROUNDS", "20"))
SEED = int(os.environ.get("SEED", random.randrange(1_000_000)))
Kill = Callable[[Runner, random.Random], None]


def postgresql(runner: Runner, _: random.Random) -> None:
    kill(runner.processes("postgres"))


def postmaster(runner: Runner, _: random.Random) -> None:
    [first, *_] = runner.processes("postgres -D")
    kill([first])


def session_of_postgresql(runner: Runner, chance: random.Random) -> None:
    kill([chance.choice(runner.processes("postgres: broker_functions"))])


def worker(runner: Runner, chance: random.Random) -> None:
    busy = [
        each for each in runner.processes("local.functions.worker") if Path(each.cwd()).name in {"publish", "consume"}
    ]
    kill([chance.choice(busy)])


def gateway(runner: Runner, _: random.Random) -> None:
    runner.kill_gateway()
    runner.start()


def everything(runner: Runner, _: random.Random) -> None:
    runner.kill_all()
    runner.start()


KILLS: dict[str, Kill] = {
    "PostgreSQL": postgresql,
    "its postmaster": postmaster,
    "one session": session_of_postgresql,
    "a worker": worker,
    "the gateway": gateway,
    "everything": everything,
}


def test_no_kill_loses_what_was_acknowledged_or_brings_back_what_was_settled(runner: Runner) -> None:
    chance = random.Random(SEED)
    order = [list(KILLS)[nth % len(KILLS)] for nth in range(ROUNDS)]
    chance.shuffle(order)
    print(f"\n{ROUNDS} rounds, SEED={SEED}: {', '.join(order)}")
    assert runner.put("/topics/orders", {"max_receives": None}).ok  # a lease that runs out is no reason to give up

    with Load(runner, SEED) as load:
        books = load.ledger
        for kind in order:
            books.kind = kind
            load.moves_on()
            time.sleep(chance.random() / 2)  # so that it strikes anywhere
            KILLS[kind](runner, chance)
            books.kills[kind] += 1
            load.moves_on()
        load.finish()

    print(books.table())
    assert not books.wrong
    assert not books.shared()
    for kind in books.kinds():
        assert not books.lost(kind)
        assert not books.came_back(kind)
        assert not books.twice(kind)
        assert not books.torn(kind)
