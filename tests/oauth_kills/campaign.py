"""Rounds of deaths and lost answers around the refresh of a token, judged by the authorization server and its API."""

import asyncio
import contextlib
import math
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.workspace.stores import reading
from server.workspace.workspace import Workspace
from tests.authorization_server import AuthorizationServer
from tests.books import books_workspace, consenting
from tests.connected import Connected
from tests.forks import Forked
from tests.journeys.served import call_tool, token_of
from tests.oauth_kills import killer
from tests.oauth_kills.killer import MAY_LOSE, POINTS
from tests.replicas.pair import copied
from tests.slowness import scaled
from tests.world import ROOT, Sandbox, Served, gateway

LIFE_SECONDS = 2
"""How long an access token holds on an idle machine: each round sees the end of one."""
LOST = ("lose_answer", "lose_request", "503")
GRACE_SECONDS = 600
FAILED = frozenset({"unknown", "not_applied", "diverged"})
UNDONE = frozenset({"not_applied"})
"""So a write may end that was under way when its connection was lost for good: its receipt says that nothing happened,
and the same call does it after the sign-in."""


class Replica(Served):
    """A gateway that kills itself at a named point."""

    def begin(self, kill: str = "") -> str:
        """Start it; its address, or nothing where it died while it started."""
        env = {**os.environ, "PYTHONPATH": str(ROOT), "AILYUS_KILL": kill}
        with (self.workspace.private / "serve.log").open("ab") as log:
            self.process = Forked(("serve", "-w", str(self.workspace.root)), ROOT, log, log, env, killer.main)
        end = time.monotonic() + scaled(20)
        while time.monotonic() < end:
            owner = self.owner()
            if owner and owner["pid"] == self.process.pid:
                return str(owner["url"])
            if self.process.poll() is not None:
                return ""
            time.sleep(0.01)
        raise AssertionError("the gateway did not start")

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def say(self, number: signal.Signals) -> None:
        if self.is_alive and self.process is not None:
            os.kill(self.process.pid, number)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a round is about: where a gateway dies, how an answer is lost, whether a used refresh token still holds.

    Each may be empty, but one of the first two is not. A strict server takes a refresh token once, and ends all of its
    family at the second use; the other one takes it again for a while.
    """

    point: str
    fault: str
    is_strict: bool

    def __str__(self) -> str:
        return f"{self.point or 'none'},{self.fault or 'none'},{'strict' if self.is_strict else 'grace'}"

    @classmethod
    def parse(cls, text: str) -> "Situation":
        """From how a finding names it."""
        point, fault, manner = text.split(",")
        if point not in ("none", *POINTS) or fault not in ("none", *LOST) or manner not in ("strict", "grace"):
            raise ValueError(text)
        return cls(point.replace("none", ""), fault.replace("none", ""), manner == "strict")

    @property
    def may_lose(self) -> bool:
        """Can the only copy of the new tokens be lost in it, where its point is reached?"""
        return self.is_strict and (self.fault == "lose_answer" or self.point in MAY_LOSE)


def dealt(dice: random.Random, points: tuple[str, ...] = POINTS) -> Iterator[Situation]:
    """Situations without an end; of so many as there are points, and one more, each is about another point."""
    while True:
        for point in (*dice.sample(points, len(points)), ""):
            yield Situation(point, dice.choice(("", "", "", *LOST) if point else LOST), dice.random() < 0.5)


@dataclass
class Campaign:
    """What was done, what became of it, and everything that was not as it must be.

    `other` is the second replica of a database: it is frozen until the first one died, and takes over. A file has one
    gateway at a time, and the next one takes over. `console` is the workspace in which people sign in. `life` is how
    long a token holds here, in seconds: one that ends before a busy machine has refreshed it is never seen to hold.
    """

    workspace: Workspace
    sandbox: Sandbox
    server: AuthorizationServer
    port: int
    other: Replica | None = None
    deaths: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: int = 0
    number: int = 0
    token: str = ""
    life: int = field(default_factory=lambda: round(scaled(LIFE_SECONDS)))

    @property
    def console(self) -> Workspace:
        if self.other is None:
            return self.workspace
        folder = self.workspace.root.with_name("console")
        return Workspace.open(folder) if folder.exists() else copied(self.workspace, folder)

    def rows(self, sql: str) -> list[Any]:
        def run() -> list[Any]:
            with reading(self.workspace) as read:
                return read(sql)

        with ThreadPoolExecutor(1) as pool:  # a database is read by a loop of its own
            return pool.submit(run).result()

    async def begin(self, replicas: int) -> None:
        """Let the workspace be seeded and somebody sign in, then start the second replica."""
        self.server.set(access_seconds=self.life)
        await self.connect()
        self.token = await token_of(self.workspace)
        if replicas > 1:
            self.other = Replica(copied(self.workspace, self.workspace.root.with_name("replica")))
            assert await asyncio.to_thread(self.other.begin)

    async def connect(self) -> None:
        """A person signs in at a gateway of this process."""
        async with gateway(self.console, self.sandbox, port=self.port) as world:
            answer = await Connected(world, self.server).connect()
            assert answer.status_code in (200, 302, 303), answer.text

    async def run(self, kills: int, situations: Iterator[Situation], until: float = math.inf) -> None:
        """So many deaths and lost answers, or as many as there is time for."""
        first = Replica(self.workspace)
        try:
            while sum(self.deaths.values()) < kills and time.monotonic() < until:
                await self.round(first, next(situations))
        finally:
            await self.end(first)

    async def end(self, first: Replica) -> None:
        """End every process of it."""
        for one in filter(None, (first, self.other)):
            one.say(signal.SIGCONT)
            await asyncio.to_thread(one.stop)

    async def round(self, first: Replica, now: Situation) -> None:
        """Agents write while a token ends; one gateway dies at the point, or an answer is lost; then all is judged."""
        self.number += 1
        where, may_lose = f"round {self.number}, {now}", now.may_lose
        if self.other is not None:
            await self.freeze(self.other)
        await asyncio.to_thread(self.prepare, now)
        ((version,),) = await asyncio.to_thread(self.rows, "SELECT version FROM grants")
        url = await asyncio.to_thread(first.begin, now.point)
        call = asyncio.create_task(self.call(url, "a"))
        if now.point:
            is_there = await self.died(first)
            self.deaths[f"killed {now.point}" if is_there else "killed at random"] += 1
            may_lose |= now.is_strict and not is_there
        else:
            await self.moved(version, self.life + scaled(6))
            self.deaths[f"no death, {now.fault}"] += 1
        if self.other is not None:
            self.other.say(signal.SIGCONT)
        elif not first.is_alive:
            await asyncio.to_thread(first.begin)
        await call
        await self.look(where, first, version, may_lose=may_lose)
        # this death is no part of a situation, so it interrupts no refresh: the next server may be a strict one
        await self.freeze(first)
        await asyncio.to_thread(first.kill)

    async def freeze(self, replica: Replica) -> None:
        """Stop a replica while it asks for nothing: what it asked for would be lost with a strict server."""
        end = time.monotonic() + scaled(10)
        while True:
            replica.say(signal.SIGSTOP)
            ((state,),) = await asyncio.to_thread(self.rows, "SELECT state FROM grants")
            if state != "refreshing" or time.monotonic() > end:
                return
            replica.say(signal.SIGCONT)
            await asyncio.sleep(0.1)

    def prepare(self, now: Situation) -> None:
        """The server as it is in this round."""
        self.server.reset()
        fault = int(now.fault) if now.fault.isdigit() else now.fault
        faults = [{"on": "refresh_token", "fault": fault}] if fault else []
        grace = 0 if now.is_strict else GRACE_SECONDS
        self.server.set(access_seconds=self.life, grace_seconds=grace, faults=faults)

    async def died(self, first: Replica) -> bool:
        """Wait for the point to be reached: the token ends, so it is soon."""
        end = time.monotonic() + self.life + scaled(6)
        while time.monotonic() < end and first.is_alive:
            await asyncio.sleep(0.01)
        is_dead = not first.is_alive
        await asyncio.to_thread(first.kill)
        return is_dead

    async def look(self, where: str, first: Replica, version: int, *, may_lose: bool) -> None:
        """Recovered, or told to a person where recovery was not possible; each write once, and none failed."""
        if not await self.moved(version, scaled(30)):
            self.wrong.append(f"{where}: the token was neither refreshed nor called lost; {self.said()}")
        ((state, reason),) = await asyncio.to_thread(self.rows, "SELECT state, reason FROM grants")
        if state == "needs_person":
            self.lost += 1
            if not may_lose:
                self.wrong.append(f"{where}: a connection was lost that could be recovered: {reason}")
            if not reason:
                self.wrong.append(f"{where}: nobody is told why it is lost")
            if self.other is None:
                await asyncio.to_thread(first.kill)
            await self.connect()
        if not first.is_alive:
            await asyncio.to_thread(first.begin)
        await self.written(where, "a", first)
        if self.other is not None:
            await self.written(where, "b", self.other)
        sql = "SELECT status FROM actions WHERE state <> 'ended'"
        end = time.monotonic() + scaled(20)
        while (left := await asyncio.to_thread(self.rows, sql)) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        if left:
            self.wrong.append(f"{where}: {len(left)} actions never ended")
        await asyncio.to_thread(self.count, where, FAILED - UNDONE if state == "needs_person" else FAILED)

    async def written(self, where: str, name: str, replica: Replica) -> None:
        """The agent calls until it is told that its write stands: an outage is over by then."""
        end, owner, said = time.monotonic() + scaled(20), replica.owner(), ""
        while time.monotonic() < end:
            said = await self.call(str(owner["url"]) if owner else "", name)
            if said in ("confirmed", "already_so"):
                return
            await asyncio.sleep(0.1)
        self.wrong.append(f"{where}: a write of `{name}` does not stand, but is {said}")

    def said(self) -> str:
        """What stands in the store of the token, and what the other replica logged: of its health, and last."""
        rows = self.rows("SELECT state, reason, tried, version, fence, lease_until_ms, expires_ms, next_ms FROM grants")
        log = (self.other or self).workspace.private / "serve.log"
        lines = log.read_text().splitlines() if log.exists() else []
        # what fails again and again would hide since when, and why
        health = [line for line in lines if '"check"' in line]
        return "\n".join((str(rows), *health[-8:], *lines[-6:]))

    def count(self, where: str, failed: frozenset[str]) -> None:
        """Ask the target itself: each write had one effect, and no action says that one failed."""
        state = self.server.state()
        for book, record in state["records"].items():
            effects = sum(bool(one.get("effect")) for one in state["log"] if one.get("path") == f"/api/records/{book}")
            if effects != 1 or record["value"] != f"v{self.number}":
                self.wrong.append(f"{where}: `{book}` was written {effects} times")
        rows = self.rows("SELECT status, result FROM actions ORDER BY created_ms")
        for status, result in rows[sum(self.ends.values()) :]:
            if status in failed:
                self.wrong.append(f"{where}: an action is {status}: {bytes(result).decode()}")
        self.ends = Counter(status for status, _ in rows)

    async def moved(self, version: int, seconds: float) -> bool:
        """Wait until other tokens are kept, or a person is needed."""
        end = time.monotonic() + seconds
        # also where they are being refreshed again by now: the version moves with the tokens alone
        sql = f"SELECT 1 FROM grants WHERE version > {version} OR state = 'needs_person'"
        while not await asyncio.to_thread(self.rows, sql):
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.05)
        return True

    async def call(self, url: str, name: str) -> str:
        """An agent's write; what dies with its gateway is called again later."""
        with contextlib.suppress(Exception):
            arguments = {"book": f"{name}{self.number}", "value": f"v{self.number}"}
            return str((await call_tool(url, self.token, "put_book", arguments))["status"])
        return ""


async def campaign(
    folder: Path, sandbox: Sandbox, kills: int, situations: Iterator[Situation], until: float, database: str = ""
) -> Campaign:
    """A campaign over a file, or over two replicas of a database."""
    async with consenting() as (server, port):
        workspace = books_workspace(folder / "w", sandbox, server, database=database)
        made = Campaign(workspace, sandbox, server, port)
        await made.begin(replicas=2 if database else 1)
        await made.run(kills, situations, until)
        return made
