"""The fault matrix over two replicas of one database: one dies, freezes or is cut off, and the other takes over."""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from receipts.journal.lease import LEASE_MS
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.faults.campaign import Campaign, Mortal, prepared
from tests.faults.killer import POINTS
from tests.postgres import Postgres
from tests.replicas.pair import copied
from tests.slowness import scaled
from tests.world import Sandbox, add_records

HOW = ("kill", "kill", "kill", "kill", "stop", "cut")
AWAY_SECONDS = LEASE_MS / 1000 + 2.0
"""How long a replica is frozen or cut off: longer than its lease."""


class Way:
    """The way from one replica to the database, which can be cut. A byte to `control` cuts it, for those who wait."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = True
        self._pairs: set[asyncio.StreamWriter] = set()
        self.port = self.control = 0
        self.cuts = 0

    async def begin(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._servers = [await asyncio.start_server(one, "127.0.0.1", 0) for one in (self._pass, self._told)]
        self.port, self.control = (server.sockets[0].getsockname()[1] for server in self._servers)

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        self.cut()
        while self._pairs:
            await asyncio.sleep(0.01)

    def cut(self) -> None:
        self._open = False
        for writer in self._pairs:
            writer.transport.abort()

    def mend(self) -> None:
        self._open = True

    async def _told(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.cuts += 1
        self.cut()
        writer.write(b"!")
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        try:
            there = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, there[1]}
        self._pairs |= ends
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))
        self._pairs -= ends


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


class Replicas(Campaign):
    """Work at a replica that ends, with another one beside it that goes on."""

    def __init__(self, workspace: Workspace, sandbox: Sandbox, dice: random.Random, way: Way) -> None:
        super().__init__(workspace, sandbox, dice)
        self.way = way
        self.takeovers: list[float] = []
        self.mortal = Mortal(workspace)
        self.hows = HOW

    async def begin(self) -> None:
        """The first start makes keys and the agent; the other replica is given a copy, and another way."""
        await super().begin()
        other = copied(self.workspace, self.workspace.root.with_name("other"))
        secret = other.private / "secrets" / "store"
        secret.write_text(secret.read_text().replace(f":{self.way.port}/", f":{self.way._port}/"))
        self.survivor = Mortal(Workspace.open(other.root))
        await asyncio.to_thread(self.survivor.begin, "")
        self.reading = self.survivor.workspace

    async def run(self, kills: int, points: tuple[str, ...] = POINTS) -> None:
        wheel: list[str] = []
        try:
            while sum(self.deaths.values()) < kills:
                wheel = wheel or self.dice.sample(points, len(points))
                await self.round(self.mortal, wheel.pop(0))
        finally:
            await asyncio.to_thread(self.mortal.stop)
            await asyncio.to_thread(self.survivor.stop)
        await asyncio.to_thread(self.close)

    async def round(self, served: Mortal, point: str) -> None:
        """One piece of work, one end; the other replica carries it on, and what comes back does nothing."""
        self.number += 1
        work = "undo" if "undo" in point else self.dice.choice(("event", "value", "plan", "undo", "key"))
        wire = self.dice.choice((None, None, None, "lost_reply", "lost_request", "late_effect", "slow"))
        nth = self.dice.choice((1, 1, 2, 3)) if work in ("plan", "undo") and "undo" not in point else 1
        how = self.dice.choice(self.hows)
        check = await asyncio.to_thread(self.prepare, work, wire)
        ending = {"kill": "", "stop": ":stop", "cut": f":cut={self.way.control}"}[how]
        url = await asyncio.to_thread(served.begin, f"{point}:{nth}{ending}")
        if not url:
            self.wrong.append(f"round {self.number}: it did not start")
        cuts = self.way.cuts
        call = asyncio.create_task(self.call(url, *check.call))
        ended = await self.ended(served, call, how, cuts)
        at = time.monotonic()
        if not ended and how == "kill":
            await asyncio.to_thread(served.kill)
        self.deaths[f"{point} ({how})" if ended else "random" if how == "kill" else f"{how} came too late"] += 1
        if how == "kill" or not ended:
            call.cancel()
        await asyncio.to_thread(self.sandbox._client.delete, "/faults")
        await self.taken_over(at)
        if how != "kill" and ended:
            await asyncio.sleep(max(0.0, AWAY_SECONDS - (time.monotonic() - at)))
            self.way.mend()
            os.kill(served.process.pid, signal.SIGCONT)  # type: ignore[union-attr]
            await asyncio.wait([call], timeout=5.0)
            call.cancel()
        with contextlib.suppress(BaseException):
            await call
        await self.settle()
        await asyncio.to_thread(served.kill)
        await asyncio.to_thread(self.look, check, f"round {self.number}: {work}, {point}:{nth} {how}, {wire}")

    async def ended(self, served: Mortal, call: "asyncio.Task[None]", how: str, cuts: int) -> bool:
        """Wait until the point is reached."""
        assert served.process is not None
        log = served.workspace.private / "serve.log"
        begun = log.stat().st_size
        there: Callable[[], bool] = {
            "kill": lambda: served.process is not None and served.process.poll() is not None,
            "stop": lambda: b"killed at" in log.read_bytes()[begun:],
            "cut": lambda: self.way.cuts > cuts,
        }[how]
        end = time.monotonic() + scaled(6)
        while time.monotonic() < end and not there():
            if call.done() and self.dice.random() < 0.3:
                break
            await asyncio.sleep(0.01)
        return there()

    async def taken_over(self, at: float) -> None:
        """How long until everything that was open belongs to another owner, or has ended."""
        sql = "SELECT id, fence FROM actions WHERE state = 'running' AND plan_id IS NULL"
        left = dict(await asyncio.to_thread(self.rows, sql))
        if not left:
            return
        end = time.monotonic() + scaled(30)
        while left and time.monotonic() < end:
            await asyncio.sleep(0.1)
            now = dict(await asyncio.to_thread(self.rows, sql))
            left = {action: fence for action, fence in left.items() if now.get(action) == fence}
        if left:
            self.wrong.append(f"round {self.number}: nobody took over")
        self.takeovers.append(time.monotonic() - at)


async def campaign(
    server: Postgres,
    kills: int,
    seed: int,
    folder: Path,
    hows: tuple[str, ...] = HOW,
    points: tuple[str, ...] = POINTS,
) -> Replicas:
    """One pair of replicas with a database and twins of its own."""
    sandbox = await asyncio.to_thread(Sandbox)
    way = Way(server.port)
    await way.begin()
    try:
        url = server.database(f"faults_{seed}").replace(f":{server.port}/", f":{way.port}/")
        workspace = await asyncio.to_thread(lambda: prepared(add_records(folder / "w", sandbox)))
        (workspace.private / "secrets" / "store").write_text(url + "\n")
        path = workspace.root / FILE
        path.write_text(path.read_text() + '\n[store]\nurl = "file:.ailyus/secrets/store"\n')
        made = Replicas(Workspace.open(workspace.root), sandbox, random.Random(seed), way)
        await made.begin()
        made.hows = hows
        await made.run(kills, points)
        return made
    finally:
        await way.close()
        sandbox.close()
        shutil.rmtree(folder, ignore_errors=True)


def p99(seconds: list[float]) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0.0
