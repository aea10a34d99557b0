"""`uv run --group benchmarks python -m tests.benchmarks.postgres [--short]`: the store on PostgreSQL, in one run.

Ratios: durable transitions a second against DBOS at 16 callers, and the engine against its bare commits: what it wrote,
again, with the lock that every commit takes and with nothing around it. At 16 callers the bare commits say how far any
engine could come on this machine. (`tests.benchmarks.replicas`: two replicas against one, and who waits for people.)
"""

import argparse
import asyncio
import importlib.util
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from receipts.journal.journal import Journal
from receipts.store.connection import DatabaseSession
from receipts.store.postgres import PostgresStore
from tests.postgres import Postgres, serving
from tests.receipts.making import action, conclude, intend, journal_at

CALLERS = 16
TURNS = 10
_COUNTER = itertools.count()
_NAMES = itertools.count()


async def one(journal: Journal) -> None:
    """An action's two durable transitions: intent, outcome; each with its signed statement in the log."""
    name = f"r{next(_COUNTER)}"
    asked = action(name)
    dispatch = await intend(journal, asked, lock=name, timeout_ms=30_000)  # a machine may stand still for a second
    await conclude(journal, asked, dispatch.fence)


async def transitions(url: str, folder: Path, callers: int, actions: int) -> tuple[float, float]:
    """Durable transitions a second, and milliseconds of CPU for each action."""
    journal = await journal_at(folder / f"{next(_NAMES)}.db", database=url)

    async def caller(count: int) -> None:
        for _ in range(count):
            await one(journal)

    await caller(10)
    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(actions // callers) for _ in range(callers)))
    took, busy = time.perf_counter() - start, time.process_time() - cpu
    await journal.store.aclose()
    return actions * 2 / took, busy / actions * 1000


def dbos(url: str, callers: int, workflows: int) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.dbos", url, str(callers), str(workflows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return float(done.stdout.split()[-1])


class Recorder(DatabaseSession):
    """Remembers what each commit consisted of."""

    def __init__(self, url: str, settings: Mapping[str, str]) -> None:
        super().__init__(url, settings)
        self.commits: list[list[tuple[Any, ...]]] = [[]]

    def execute(self, sql: str, params: Any = (), *more: Any, **named: Any) -> str:
        self.commits[-1].append(("execute", sql, tuple(params)))
        if sql == "COMMIT":
            self.commits.append([])
        return super().execute(sql, params, *more, **named)

    def begin(self, sql: str) -> Any:
        self.commits[-1].append(("begin", sql))
        return super().begin(sql)

    def query(self, sql: str, *params: Any) -> Any:
        if not sql.startswith("SELECT"):
            self.commits[-1].append(("query", sql, *params))
        return super().query(sql, *params)


async def overhead(server: Postgres, folder: Path, callers: int, actions: int) -> tuple[float, float, float]:
    """Durable transitions a second; as many as its bare commits would be: what they wrote, nothing around it; ratio."""
    url = server.database(f"bench_{next(_NAMES)}")
    journal = await journal_at(folder / f"{next(_NAMES)}.db", database=url)
    store = journal.store
    assert isinstance(store, PostgresStore)
    for _ in range(20):
        await one(journal)
    await store.aclose()
    bare = server.database(f"bench_{next(_NAMES)}")
    await asyncio.to_thread(server.run, "pg_dump", *_at(server), "-f", "dump.sql", url.rpartition("/")[2])
    await asyncio.to_thread(server.run, "psql", *_at(server), "-q", "-f", "dump.sql", bare.rpartition("/")[2])

    import receipts.store.postgres as module

    recorder = Recorder(url, module.WRITER)

    def recorded(url: str, settings: Mapping[str, str]) -> DatabaseSession:
        return recorder

    plain, module.DatabaseSession = module.DatabaseSession, recorded  # type: ignore[assignment,misc]
    try:
        journal = await journal_at(store.path, database=url)
    finally:
        module.DatabaseSession = plain  # type: ignore[misc]
    session = await asyncio.to_thread(_opened, bare, module.WRITER)
    head = os.open(folder / "bare.head", os.O_RDWR | os.O_CREAT)

    async def caller() -> None:
        for _ in range(actions // callers // TURNS):
            await one(journal)

    def replay() -> None:
        for work in filter(None, recorder.commits):
            for how, *what in work:
                getattr(session, how)(*what)
            os.pwrite(head, b"x" * 256, 0)
            os.fdatasync(head)

    engine, again = [], []
    for _ in range(TURNS):  # in turns, since this machine is never the same for long
        recorder.commits = [[]]
        start = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        engine.append(time.perf_counter() - start)
        start = time.perf_counter()
        await asyncio.to_thread(replay)
        again.append(time.perf_counter() - start)
    os.close(head)
    await asyncio.to_thread(session.close)
    await journal.store.aclose()
    count = actions // TURNS * 2
    ratio = statistics.median(e / a for e, a in zip(engine, again, strict=True))
    return count / statistics.median(engine), count / statistics.median(again), ratio


def _opened(url: str, settings: Mapping[str, str]) -> DatabaseSession:
    session = DatabaseSession(url, settings)
    session.open()
    return session


def _at(server: Postgres) -> tuple[str, ...]:
    return ("-h", "127.0.0.1", "-p", str(server.port), "-U", "ailyus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    count = 320 if parser.parse_args().short else 3200
    import uvloop

    with serving() as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for callers in (1, CALLERS, 64):
            ours, cpu = uvloop.run(
                transitions(
                    server.database(f"bench_{next(_NAMES)}"), folder, callers, count // (4 if callers == 1 else 1)
                )
            )
            print(f"{callers:3} callers: {ours:7.0f} durable transitions/s, {cpu:.2f} ms of CPU an action", flush=True)
            if callers == CALLERS:
                at16 = ours
        alone, _ = uvloop.run(transitions("", folder, 1, count // 4))
        print(f"in a file, 1 caller: {alone:7.0f}", flush=True)
        if importlib.util.find_spec("dbos"):
            theirs = dbos(server.database("dbos"), CALLERS, count // 3)
            print(f"DBOS at {CALLERS}: {theirs:7.0f}; ratio {at16 / theirs:.1f}", flush=True)
            files, _ = uvloop.run(transitions("", folder, CALLERS, count))
            theirs = dbos(f"sqlite:///{folder / 'dbos.db'}", CALLERS, count // 12)
            print(f"in files: {files:7.0f} against DBOS {theirs:7.0f}; ratio {files / theirs:.1f}", flush=True)
        for callers in (1, CALLERS):
            actions = max(count // (8 if callers == 1 else 2), CALLERS * TURNS)
            engine, bare, ratio = uvloop.run(overhead(server, folder, callers, actions))
            print(f"engine at {callers:2}: {engine:7.0f}, its bare commits {bare:7.0f}: {ratio:.2f}x", flush=True)


if __name__ == "__main__":
    main()
