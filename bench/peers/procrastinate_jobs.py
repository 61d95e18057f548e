"""procrastinate: `batch_defer`, and a worker that ends when the queue is empty. It takes the commands of commands.mjs."""

import asyncio
import sys
import time

import procrastinate

CONTENT = {"text": "x" * 1013}
CONCURRENCY = 10

app = procrastinate.App(connector=procrastinate.PsycopgConnector(max_size=CONCURRENCY))
done = 0


@app.task(name="orders", queue="orders")  # type: ignore[untyped-decorator]  # mypy does not see its types
async def orders(text: str) -> None:
    global done  # noqa: PLW0603  procrastinate calls the task with its payload only
    assert text
    done += 1


async def enqueue(batch: int, times: int) -> None:
    for _ in range(times):
        await orders.batch_defer_async(*[CONTENT] * batch)


async def dequeue(batch: int, times: int) -> None:
    before = done
    await app.run_worker_async(
        queues=["orders"], concurrency=CONCURRENCY, wait=False, listen_notify=False, install_signal_handlers=False
    )
    assert done - before == batch * times, f"{done - before} jobs were done"


async def main() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        print("ready", flush=True)
        for line in sys.stdin:
            name, batch, times = line.split()
            started = time.perf_counter()
            await {"enqueue": enqueue, "dequeue": dequeue}[name](int(batch), int(times))
            print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
