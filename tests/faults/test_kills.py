"""kill -9 under load: acknowledged messages are consumed in the end, and settled messages do not come back."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.load import Load
from tests.faults.runner import Runner, kill
from tests.support.soak import share

SEED = int(os.environ.get("SEED", random.randrange(1_000_000)))
WHOLE = 120  # rounds
Kill = Callable[[Runner, random.Random], None]


def postgresql(runner: Runner, _: random.Random) -> None:
    kill(runner.processes("postgres"))


def postmaster(runner: Runner, _: random.Random) -> None:
    [first, *_] = runner.processes("postgres -D")
    kill([first])


def session_of_postgresql(runner: Runner, random_numbers: random.Random) -> None:
    kill([random_numbers.choice(runner.processes("postgres: broker_functions"))])


def worker(runner: Runner, random_numbers: random.Random) -> None:
    busy = [
        process
        for process in runner.processes("local.functions.worker")
        if Path(process.cwd()).name in {"publish", "consume"}
    ]
    kill([random_numbers.choice(busy)])


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


@pytest.mark.soak
def test_no_kill_loses_an_acknowledged_message_or_brings_back_a_settled_one(runner: Runner) -> None:
    random_numbers = random.Random(SEED)
    rounds = max(share(WHOLE), len(KILLS))
    order = [list(KILLS)[nth % len(KILLS)] for nth in range(rounds)]
    random_numbers.shuffle(order)
    print(f"\n{rounds} rounds, SEED={SEED}: {', '.join(order)}")
    # else a message that its consumers forget could become a dead letter
    assert runner.put("/topics/orders", {"max_receives": None}).ok

    with Load(runner, SEED) as load:
        ledger = load.ledger
        for kind in order:
            ledger.kind = kind
            load.wait_for_progress()
            time.sleep(random_numbers.random() / 2)  # so that the kill comes at a random moment
            KILLS[kind](runner, random_numbers)
            ledger.kills[kind] += 1
            load.wait_for_progress()
        load.finish()

    print(ledger.table())
    assert not ledger.wrong
    assert not ledger.leases_given_twice()
    for kind in ledger.kinds():
        assert not ledger.lost_messages(kind)
        assert not ledger.returned_messages(kind)
        assert not ledger.duplicated_messages(kind)
        assert not ledger.partial_batches(kind)
