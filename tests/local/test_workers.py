"""Worker processes and their pool: what a handler gets, how it can fail, and when a worker is used again or ends."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from local.functions import process
from local.functions.pool import NoWorker, Pool
from local.functions.process import FunctionError
from tests.support.runner import ECHO, function, runs, until

PID = "import os\ndef handler(event, context): return os.getpid()"
# writes its pid to one file, and continues when the other file exists
GATE = """
import os, pathlib, time

def handler(event, context):
    pathlib.Path(event["arrived"]).write_text(str(os.getpid()))
    while not os.path.exists(event["opened"]):
        time.sleep(0.005)
    return os.getpid()
"""
STARTER = """
import asyncio, sys
from pathlib import Path
from local.functions.pool import Pool
from tests.support.runner import function

async def main():
    with open(sys.argv[1] + "/log", "wb") as log:
        gate = function(Path(sys.argv[1]), sys.stdin.read(), name="Gate")
        await Pool(log)(gate, sys.argv[2].encode())

asyncio.run(main())
"""


@asynccontextmanager
async def pool(folder, **limits):
    with (folder / "log").open("ab", buffering=0) as log:
        pool = Pool(log, **limits)
        try:
            yield pool
        finally:
            pool.close()


def invoke(folder, function, event=b"{}"):
    async def once():
        async with pool(folder) as invoke:
            return await invoke(function, event)

    return asyncio.run(once())


class Gate:
    """A function whose invocations last until the gate is opened."""

    def __init__(self, folder):
        self.function = function(folder, GATE, name="Gate")
        self._folder = folder
        self._arrivals = 0

    @property
    def pid(self):
        return int(self._arrived().read_text())

    async def start(self, pool, **options):
        """Invoke the function, and wait until its handler runs. Returns the task of the invocation."""
        self._arrivals += 1
        task = asyncio.create_task(pool(self.function, json.dumps(self.event()).encode(), **options))
        await asyncio.to_thread(until, lambda: self._arrived().exists() and self._arrived().read_text())
        return task

    def event(self):
        return {"arrived": str(self._arrived()), "opened": str(self._folder / "opened")}

    def open(self):
        (self._folder / "opened").touch()

    def _arrived(self):
        return self._folder / f"arrived-{self._arrivals}"


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path)


def test_a_handler_gets_the_event_and_answers_in_json(tmp_path):
    assert json.loads(invoke(tmp_path, function(tmp_path), b'{"a": [1, "\xc3\xa9"]}')) == {"a": [1, "é"]}


def test_an_answer_is_encoded_as_on_lambda(tmp_path):
    decimal = "import decimal\ndef handler(event, context): return ['é\\u2028', decimal.Decimal('1.5'), None]"
    assert invoke(tmp_path, function(tmp_path, decimal)) == '["é\u2028", 1.5, null]'.encode()


def test_a_handler_gets_the_context_of_lambda(tmp_path):
    source = """
def handler(event, context):
    return [context.function_name, context.memory_limit_in_mb, context.function_version, context.invoked_function_arn,
            len(context.aws_request_id), context.get_remaining_time_in_millis()]
"""
    *names, left = json.loads(invoke(tmp_path, function(tmp_path, source, timeout_seconds=28)))
    assert names == ["Echo", "128", "$LATEST", "arn:aws:lambda:us-east-1:000000000000:function:Echo", 36]
    assert 0 < left <= 28_000


def test_a_worker_does_not_inherit_the_environment_of_the_runner(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNNER_VARIABLE", "1")
    source = "import os\ndef handler(event, context): return dict(os.environ)"
    environment = json.loads(invoke(tmp_path, function(tmp_path, source, environment={"DATABASE_URL": "x"})))
    assert "RUNNER_VARIABLE" not in environment
    assert environment["DATABASE_URL"] == "x"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "Echo"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"


def test_a_handler_imports_from_its_folder_and_its_layer_only(tmp_path):
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "shared.py").write_text("NAME = 'shared'")
    (tmp_path / "Echo").mkdir()
    (tmp_path / "Echo" / "own.py").write_text("NAME = 'own'")
    source = """
import os, sys
import own, shared

def handler(event, context):
    return [own.NAME, shared.NAME, os.getcwd(), sys.path]
"""
    own, shared, working_folder, path = json.loads(
        invoke(tmp_path, function(tmp_path, source, layers=(tmp_path / "layer",)))
    )
    assert (own, shared, working_folder) == ("own", "shared", str(tmp_path / "Echo"))
    assert str(Path(process.__file__).parents[2]) not in path


def test_the_output_of_a_handler_goes_to_the_log(tmp_path):
    source = """
import os

def handler(event, context):
    print("printed")
    os.write(1, b"written\\n")
    return 1
"""
    assert invoke(tmp_path, function(tmp_path, source)) == b"1"
    assert sorted((tmp_path / "log").read_text().split()) == ["printed", "written"]


def test_an_idle_worker_is_used_again_and_a_busy_one_is_not(tmp_path, gate):
    pid = function(tmp_path, PID, name="Pid")

    async def invocations():
        async with pool(tmp_path) as invoke:
            once, again = await invoke(pid, b"{}"), await invoke(pid, b"{}")
            first, second = await gate.start(invoke), await gate.start(invoke)
            gate.open()
            return once, again, await first, await second

    once, again, first, second = asyncio.run(invocations())
    assert once == again
    assert first != second


def test_an_error_has_the_exception_and_a_trace_of_the_handler_only(tmp_path, capsys):
    source = "def handler(event, context):\n    return 1 / event['zero']"
    with pytest.raises(FunctionError, match="Echo: ZeroDivisionError: division by zero"):
        invoke(tmp_path, function(tmp_path, source), b'{"zero": 0}')
    shown = capsys.readouterr().err
    assert "app.py" in shown
    assert "worker.py" not in shown


def test_an_import_error_of_a_function_is_reported(tmp_path):
    with pytest.raises(FunctionError, match="ModuleNotFoundError: No module named 'nowhere'"):
        invoke(tmp_path, function(tmp_path, "import nowhere"))


def test_an_invocation_fails_when_the_function_ends_its_process(tmp_path):
    with pytest.raises(FunctionError, match=r"Runtime\.ExitError"):
        invoke(tmp_path, function(tmp_path, "import sys\ndef handler(event, context): sys.exit(3)"))


def test_an_answer_over_the_limit_of_lambda_is_an_error(tmp_path):
    big = function(tmp_path, "def handler(event, context): return 'x' * event")
    assert len(invoke(tmp_path, big, b"6291554")) == 6_291_556
    with pytest.raises(FunctionError, match=r"ResponseSizeTooLarge.*6291556"):
        invoke(tmp_path, big, b"6291555")


def test_a_function_works_again_after_a_failure(tmp_path):
    source = "def handler(event, context): return 1 / event"

    async def invocations():
        async with pool(tmp_path) as invoke:
            with pytest.raises(FunctionError):
                await invoke(divide, b"0")
            return await invoke(divide, b"2")

    divide = function(tmp_path, source)
    assert asyncio.run(invocations()) == b"0.5"


def test_a_worker_is_killed_when_its_function_times_out(tmp_path):
    sleeps = function(tmp_path, "import time\ndef handler(*_): time.sleep(600)", timeout_seconds=1)

    async def invocation():
        async with pool(tmp_path) as invoke:
            invoke.warm(sleeps)
            [worker] = invoke._workers
            with pytest.raises(FunctionError, match=r"Task timed out after 1\.00 seconds"):
                await invoke(sleeps, b"{}")
            assert not runs(worker._process.pid)

    asyncio.run(invocation())


def test_an_invocation_fails_when_no_worker_becomes_free_in_time(tmp_path, gate):
    async def invocations():
        async with pool(tmp_path, limit=1, max_wait_seconds=0.05) as invoke:
            busy = await gate.start(invoke)
            with pytest.raises(NoWorker):
                await invoke(gate.function, b"{}")
            gate.open()
            await busy

    asyncio.run(invocations())


def test_a_waiting_invocation_starts_when_a_worker_becomes_free(tmp_path, gate):
    async def invocations():
        async with pool(tmp_path, limit=1) as invoke:
            busy = await gate.start(invoke)
            waiting = asyncio.create_task(invoke(function(tmp_path, PID, name="Pid"), b"{}"))
            gate.open()
            return await busy, await waiting

    first, second = asyncio.run(invocations())
    assert first != second


def test_long_polls_leave_one_worker_free(tmp_path, gate):
    async def invocations():
        async with pool(tmp_path, limit=2, max_wait_seconds=0.5) as invoke:
            polling = await gate.start(invoke, may_wait=True)
            with pytest.raises(NoWorker):
                await invoke(gate.function, b"{}", may_wait=True)
            assert await invoke(function(tmp_path, ECHO), b'"at once"') == b'"at once"'
            gate.open()
            await polling

    asyncio.run(invocations())


def test_an_idle_worker_ends_when_another_function_needs_its_place(tmp_path):
    one, other = function(tmp_path, PID, name="One"), function(tmp_path, PID, name="Other")

    async def invocations():
        async with pool(tmp_path, limit=1) as invoke:
            first = int(await invoke(one, b"{}"))
            await invoke(other, b"{}")
            assert not runs(first)

    asyncio.run(invocations())


def test_an_idle_worker_ends_after_a_while(tmp_path):
    async def invocations():
        async with pool(tmp_path, idle_seconds=0.05) as invoke:
            pid = int(await invoke(function(tmp_path, PID), b"{}"))
            await asyncio.to_thread(until, lambda: not runs(pid))

    asyncio.run(invocations())


def test_a_worker_that_died_while_idle_is_replaced(tmp_path):
    pid = function(tmp_path, PID)

    async def invocations():
        async with pool(tmp_path) as invoke:
            first = int(await invoke(pid, b"{}"))
            os.kill(first, 9)
            await asyncio.to_thread(until, lambda: not runs(first))
            return first, int(await invoke(pid, b"{}"))

    first, second = asyncio.run(invocations())
    assert first != second


def test_a_warm_worker_serves_the_first_invocation(tmp_path):
    async def invocations():
        async with pool(tmp_path, limit=1) as invoke:
            echo = function(tmp_path)
            invoke.warm(echo)
            return await invoke(echo, b"1")

    assert asyncio.run(invocations()) == b"1"


def test_closing_the_pool_ends_all_workers(tmp_path, gate):
    async def invocations():
        async with pool(tmp_path) as invoke:
            idle = int(await invoke(function(tmp_path, PID, name="Pid"), b"{}"))
            busy = await gate.start(invoke)
        with pytest.raises(FunctionError):
            await busy
        return idle

    assert not runs(asyncio.run(invocations()))
    assert not runs(gate.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
def test_a_busy_worker_ends_with_the_process_that_started_it(tmp_path, gate):
    runner = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path), json.dumps(gate.event())],
        cwd=Path(process.__file__).parents[2],
        stdin=subprocess.PIPE,
    )
    runner.stdin.write(GATE.encode())
    runner.stdin.close()
    until(lambda: (tmp_path / "arrived-0").exists() and (tmp_path / "arrived-0").read_text())
    runner.kill()
    runner.wait()
    until(lambda: not runs(gate.pid))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_invocation_succeeds_although_the_log_cannot_be_written(tmp_path):
    source = "import os\ndef handler(event, context):\n    print('a line', flush=True)\n    return os.getpid()"

    async def twice(log):
        pool = Pool(log)
        printing = function(tmp_path, source)
        try:
            return [await pool(printing, b"{}") for _ in range(2)]
        finally:
            pool.close()

    with Path("/dev/full").open("wb", buffering=0) as full:
        first, second = asyncio.run(twice(full))
    assert first == second


def test_a_worker_that_closed_its_connection_gets_no_further_invocation(tmp_path):
    source = """
import os, socket, stat, threading, time

def close_connection():
    for fd in range(3, 32):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                socket.socket(fileno=os.dup(fd)).shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
    time.sleep(60)

def handler(event, context):
    threading.Timer(0.1, close_connection).start()
    return os.getpid()
"""

    async def twice():
        async with pool(tmp_path) as invoke:
            worker = function(tmp_path, source)
            first = await invoke(worker, b"{}")
            [idle] = invoke._idle
            await asyncio.to_thread(until, idle._transport.is_closing)
            assert runs(int(first))
            return first, await invoke(worker, b"{}")

    first, second = asyncio.run(twice())
    assert first != second
