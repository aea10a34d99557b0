"""`uv run python -m tests.benchmarks [--short]`: ratios against a bare echo and a hand-written tool, in one run."""

import argparse
import asyncio
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from server.workspace.free_port import free_port

ERA = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": ERA,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
Arguments = Callable[[], dict[str, str]]
_COUNTER = itertools.count()


class Process:
    """One server under test."""

    def __init__(self, module: str, *arguments: str, folder: Path | None = None) -> None:
        command = [sys.executable, "-m", module, *arguments]
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @cached_property
    def first(self) -> list[str]:
        """What it says once it serves; several may start at the same time."""
        assert self.process.stdout
        return self.process.stdout.readline().split()

    def ask(self) -> str:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(timeout=20)
        assert self.process.stdout
        self.process.stdout.close()


async def one_caller(url: str, token: str, tool: str, arguments: Arguments, count: int, times: list[float]) -> None:
    host, port = url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for number in range(count):
        body = orjson.dumps(
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": "tools/call",
                "params": {"name": tool, "arguments": arguments(), "_meta": META},
            }
        )
        head = (
            f"POST /mcp HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {token}\r\n"
            f"accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n"
            f"mcp-protocol-version: {ERA}\r\nmcp-method: tools/call\r\nmcp-name: {tool}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        start = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        content = await reader.readexactly(length)
        times.append(time.perf_counter() - start)
        assert b'"isError":true' not in content, content
        assert b'"result"' in content, content
    writer.close()


def measure(url: str, token: str, tool: str, arguments: Arguments, callers: int, count: int) -> tuple[float, float]:
    """p50 in µs and calls per second."""
    times: list[float] = []

    async def run() -> float:
        start = time.perf_counter()
        await asyncio.gather(
            *(one_caller(url, token, tool, arguments, count // callers, times) for _ in range(callers))
        )
        return time.perf_counter() - start

    took = asyncio.run(run())
    return statistics.median(times) * 1e6, len(times) / took


def receipts_per_second(callers: int, count: int) -> float:
    """Durable, signed, logged receipts per second, in process."""
    from tests.receipts.making import action, journal_at, seal

    async def run(folder: str) -> float:
        journal = await journal_at(Path(folder) / "store.db")

        async def caller() -> None:
            for _ in range(count // callers):
                asked = action(f"r{next(_COUNTER)}")
                sealed = seal(journal, asked, "decision", "denied")
                await journal.store.write(sealed.insert)

        start = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        took = time.perf_counter() - start
        journal.store.close()
        return count / took

    import uvloop

    with tempfile.TemporaryDirectory() as folder:
        return uvloop.run(run(folder))


class Recorder:
    """Passes everything on to the writer's connection, and remembers what each commit consisted of."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.commits: list[list[tuple[str, str, Any]]] = [[]]

    def execute(self, sql: str, params: Any = ()) -> Any:
        self._remember("execute", sql, params)
        return self.connection.execute(sql, params)

    def executemany(self, sql: str, rows: Any) -> Any:
        rows = list(rows)
        self._remember("executemany", sql, rows)
        return self.connection.executemany(sql, rows)

    def _remember(self, how: str, sql: str, params: Any) -> None:
        if not sql.startswith("SELECT"):
            self.commits[-1].append((how, sql, params))
        if sql == "COMMIT":
            self.commits.append([])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


def engine_overhead(actions: int) -> tuple[float, float]:
    """Milliseconds of one action's two transitions, and of its bare commits: the same rows, nothing around them.

    The bare commits are replayed on a copy of the store with one plain connection, in order, each with its head on disk.
    """
    from receipts.store.sqlite_file import connect
    from tests.receipts.making import action, conclude, intend, journal_at

    async def run(folder: Path) -> tuple[list[float], list[list[tuple[str, str, Any]]]]:
        journal = await journal_at(folder / "store.db")
        store = journal.store
        await store.write(lambda txn: None)
        shutil.copy(folder / "store.db", folder / "bare.db")
        shutil.copy(folder / "store.db-wal", folder / "bare.db-wal")
        recorder = Recorder(store._connection)
        store._connection = recorder  # type: ignore[assignment]  # it passes everything on
        times: list[float] = []
        for _ in range(actions):
            start = time.perf_counter()
            asked = action(f"r{next(_COUNTER)}")
            dispatch = await intend(journal, asked)
            await conclude(journal, asked, dispatch.fence)
            times.append(time.perf_counter() - start)
        store.close()
        return times, recorder.commits

    def replay(folder: Path, commits: list[list[tuple[str, str, Any]]]) -> list[float]:
        connection = connect(folder / "bare.db")
        head = os.open(folder / "bare.head", os.O_RDWR | os.O_CREAT)
        times: list[float] = []
        for work in commits:
            start = time.perf_counter()
            for how, sql, params in work:
                getattr(connection, how)(sql, params)
            os.pwrite(head, b"x" * 128, 0)
            os.fdatasync(head)
            times.append(time.perf_counter() - start)
        connection.close()
        os.close(head)
        return times

    import uvloop

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        times, commits = uvloop.run(run(folder))
        bare = replay(folder, [work for work in commits if work])
        return statistics.median(times) * 1000, statistics.median(bare) * 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    short = parser.parse_args().short
    rounds, count = (1, 32) if short else (5, 400)
    port = free_port()
    target = Process("tests.benchmarks.target", str(port))
    base = f"http://127.0.0.1:{port}"
    servers = {kind: Process("tests.benchmarks.servers", kind, base) for kind in ("echo", "hand", "gateway")}
    for process in (target, *servers.values()):
        assert process.first, "it did not start"
    records = itertools.cycle([f"r{i}" for i in range(16)])

    def read() -> dict[str, str]:
        return {"record": next(records)}

    def write() -> dict[str, str]:
        number = next(_COUNTER)
        return {"record": f"w{number}", "value": f"v{number}"}

    cases: list[tuple[str, str, str, Arguments]] = [
        ("echo", "echo", "t", read),
        ("hand-written read", "hand", "get_value", read),
        ("governed read", "gateway", "get_value", read),
        ("hand-written write", "hand", "set_value", write),
        ("governed write", "gateway", "set_value", write),
    ]
    print(f"era {ERA}, raw HTTP client, {rounds} rounds of {count} calls; 2 cores, noisy: read the ratios")
    for callers in (1, 16):
        best: dict[str, tuple[float, float]] = {}
        for _ in range(rounds):
            for name, kind, tool, arguments in cases:
                url, token = servers[kind].first
                p50, rate = measure(url, token, tool, arguments, callers, count)
                old = best.get(name, (float("inf"), 0.0))
                best[name] = (min(old[0], p50), max(old[1], rate))
        echo = best["echo"]
        print(f"\n{callers} caller{'s' if callers > 1 else ''}:")
        for name, (p50, rate) in best.items():
            line = f"  {name:20} p50 {p50:8.0f} µs   {rate:7.0f}/s   {p50 / echo[0]:5.2f}x echo"
            hand = best.get(name.replace("governed", "hand-written"))
            if name.startswith("governed") and hand:
                line += f"   {p50 / hand[0]:5.2f}x hand-written"
            print(line, flush=True)
    url, token = servers["gateway"].first
    for name, tool, arguments in (("read", "get_value", read), ("write", "set_value", write)):
        before = int(servers["gateway"].ask())
        measure(url, token, tool, arguments, 1, 20)
        commits = int(servers["gateway"].ask()) - before
        print(f"\ndurable commits per governed {name}, counted at 1 caller: {commits / 20:g}", end="")
    rate = receipts_per_second(64, 128 if short else 20_000)
    print(f"\n\ndurable signed receipts at 64 callers in process: {rate:.0f}/s")
    engine, bare = engine_overhead(20 if short else 2000)
    print(f"engine: two transitions {engine:.2f} ms, its two bare commits {bare:.2f} ms: {engine / bare:.2f}x")
    for process in (*servers.values(), target):
        process.close()


if __name__ == "__main__":
    main()
