"""DBOS doing the same work: `python -m tests.benchmarks.dbos URL CALLERS WORKFLOWS` prints durable transitions a second.

A workflow of one step is three durable transitions: it is written down, its step's output is, its end is.
"""

import asyncio
import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dbos import DBOS

TRANSITIONS = 3


@DBOS.step()
def step(number: int) -> int:
    return number + 1


@DBOS.workflow()
def workflow(number: int) -> int:
    return step(number)


@DBOS.step()
async def async_step(number: int) -> int:
    return number + 1


@DBOS.workflow()
async def async_workflow(number: int) -> int:
    return await async_step(number)


def by_threads(callers: int, count: int) -> float:
    with ThreadPoolExecutor(callers) as pool:
        start = time.perf_counter()
        list(pool.map(workflow, range(count)))
        return count * TRANSITIONS / (time.perf_counter() - start)


async def by_tasks(callers: int, count: int) -> float:
    async def caller() -> None:
        for number in range(count // callers):
            await async_workflow(number)

    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return count * TRANSITIONS / (time.perf_counter() - start)


def main() -> None:
    url, callers, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    logging.disable(logging.CRITICAL)
    DBOS(config={"name": "bench", "system_database_url": url, "run_admin_server": False})
    DBOS.launch()
    by_threads(callers, callers * 4)
    asyncio.run(by_tasks(callers, callers * 4))
    best = max(by_threads(callers, count), asyncio.run(by_tasks(callers, count)))
    print(f"{best:.1f}", flush=True)
    DBOS.destroy()


if __name__ == "__main__":
    main()
