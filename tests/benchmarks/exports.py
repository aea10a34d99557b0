"""`uv run python -m tests.benchmarks.exports [--statements N]`: statements a second of an export, by HTTP to a receiver.

A store gets N statements (6,000). One export sends all of them, from the first on, over HTTP to a receiver that is a
process of its own, in both formats, and the receiver counts what came. Printed are statements a second, in wall time
and in this process's CPU.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import tempfile
import time
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from receipts.journal.journal import Journal
from server.operations.export_sender import ExportSender
from server.operations.export_sink import HttpSink
from server.workspace.settings.export import ExportPart
from tests.receipts.export.records import logged
from tests.receipts.making import journal_at
from tests.server.operations.export_process import nobody


def receive(ready: "Queue[int]", told: "Queue[int]", statements: int) -> None:
    """Take batches by POST, keep nothing, and tell how many lines came once so many are there."""

    async def serve() -> None:
        done, seen = asyncio.Event(), 0

        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal seen
            with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                    seen += (await reader.readexactly(size)).count(b"\n")
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    await writer.drain()
                    if seen >= statements:
                        done.set()

        server = await asyncio.start_server(one, "127.0.0.1", 0, limit=1 << 20)
        ready.put(server.sockets[0].getsockname()[1])
        await done.wait()
        told.put(seen)

    asyncio.run(serve())


async def _none() -> str | None:
    return None


async def measure(journal: Journal, form: str, batch: int, statements: int) -> None:
    """One whole export."""
    context: Any = multiprocessing.get_context("spawn")
    ready, told = context.Queue(), context.Queue()
    receiver = context.Process(target=receive, args=(ready, told, statements))
    receiver.start()
    url = f"http://127.0.0.1:{await asyncio.to_thread(ready.get)}"
    part = ExportPart.model_validate({"url": url, "begin": "first", "batch": batch, "format": form})
    sender = ExportSender(journal, f"{form}{batch}", part, HttpSink(url, "authorization", "", _none), nobody, "1.0")
    wall, cpu = time.perf_counter(), time.process_time()
    while sender.standing.cursor < statements - 1:  # a turn has so many batches
        await sender.sweep()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert sender.standing.behind == 0, sender.standing
    seen = await asyncio.to_thread(told.get)
    await sender.close()
    await asyncio.to_thread(receiver.join)
    print(f"{form:10} batches of {batch:4}: {seen / wall:8.0f} a second, {seen / cpu:8.0f} a second of CPU", flush=True)


async def run(statements: int) -> None:
    """Fill a store, and export it."""
    with tempfile.TemporaryDirectory() as folder:
        journal = await journal_at(Path(folder) / "store.db")
        newest = await logged(journal, statements // 2)
        print(f"{newest + 1} statements", flush=True)
        for form in ("statements", "ocsf"):
            for batch in (100, 500):
                await measure(journal, form, batch, newest + 1)
        await journal.store.aclose()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--statements", type=int, default=6000)
    asyncio.run(run(parser.parse_args().statements))


if __name__ == "__main__":
    main()
