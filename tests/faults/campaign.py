"""One campaign: rounds of work, each with a death at a named point, checked on the targets themselves."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson

from receipts.audit.audit import audit
from receipts.audit.roots import read_roots
from server.workspace.stores import reading
from tests.faults import killer
from tests.faults.killer import POINTS
from tests.forks import Forked
from tests.journeys.served import call_tool, token_of
from tests.slowness import scaled
from tests.world import ROOT, Sandbox, Served, Workspace, cli

WIRE = (None, None, None, "lost_reply", "lost_request", "late_effect", "slow")
WORK = ("event", "value", "plan", "undo", "key")


class Mortal(Served):
    """A gateway that ends itself at a named point."""

    def begin(self, kill: str) -> str:
        log = (self.workspace.private / "serve.log").open("ab")
        env = {**os.environ, "PYTHONPATH": str(ROOT), "AILYUS_KILL": kill}
        self.process = Forked(("serve", "-w", str(self.workspace.root)), ROOT, log, log, env, killer.main)
        log.close()
        end = time.monotonic() + scaled(20)
        while time.monotonic() < end:
            owner = self.owner()
            if owner and owner["pid"] == self.process.pid:
                return str(owner["url"])
            if self.process.poll() is not None:
                return ""  # it died while it took over
            time.sleep(0.01)
        raise AssertionError("the gateway did not start")


@dataclass
class Campaign:
    """What was done, where it died, and everything that was not as it must be."""

    workspace: Workspace
    sandbox: Sandbox
    dice: random.Random
    deaths: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    number: int = 0
    token: str = ""
    reading: Workspace | None = None
    """Through which workspace the store is read, where that is another than the one that dies."""

    def rows(self, sql: str) -> list[Any]:
        """What the store holds now."""

        def run() -> list[Any]:
            with reading(self.reading or self.workspace) as read:
                return read(sql)

        with ThreadPoolExecutor(1) as pool:  # a database is read by a loop of its own
            return pool.submit(run).result()

    async def begin(self) -> None:
        """Let the workspace be seeded once."""
        served = Mortal(self.workspace)
        await asyncio.to_thread(served.begin, "")
        self.token = await token_of(self.workspace)
        await asyncio.to_thread(served.kill)

    async def run(self, kills: int, points: tuple[str, ...] = POINTS) -> None:
        served = Mortal(self.workspace)
        try:
            wheel = list(points)
            while sum(self.deaths.values()) < kills:
                if not wheel:
                    wheel = list(points)
                await self.round(served, wheel.pop(0))
        finally:
            served.stop()
        self.close()

    async def round(self, served: Mortal, point: str) -> None:
        """One piece of work, one death; then a gateway that lives until everything has ended."""
        self.number += 1
        work = "undo" if "undo" in point else self.dice.choice(WORK)
        wire = self.dice.choice(WIRE)
        nth = self.dice.choice((1, 1, 2, 3)) if work in ("plan", "undo") and "undo" not in point else 1
        check = self.prepare(work, wire)
        url = await asyncio.to_thread(served.begin, f"{point}:{nth}")
        call = asyncio.create_task(self.call(url, *check.call))
        died = await self.death(served, call)
        self.deaths[point if died else "random"] += 1
        call.cancel()
        with contextlib.suppress(BaseException):
            await call
        self.sandbox._client.delete("/faults")
        if await asyncio.to_thread(served.begin, ""):
            await self.settle()
        await asyncio.to_thread(served.kill)
        self.look(check, f"round {self.number}: {work}, {point}:{nth}, {wire}")

    async def death(self, served: Mortal, call: "asyncio.Task[Any]") -> bool:
        """Wait for the point to be reached; a call that ends before is cut at a random moment."""
        assert served.process is not None
        end = time.monotonic() + scaled(6)
        while time.monotonic() < end:
            if served.process.poll() is not None:
                return True
            if call.done() and self.dice.random() < 0.3:
                break
            await asyncio.sleep(0.01)
        died = served.process.poll() is not None
        await asyncio.to_thread(served.kill)
        return died

    async def call(self, url: str, tool: str, arguments: dict[str, Any]) -> None:
        with contextlib.suppress(Exception):
            await call_tool(url, self.token, tool, arguments)

    async def settle(self) -> None:
        end = time.monotonic() + scaled(20)
        while await asyncio.to_thread(self.rows, "SELECT 1 FROM actions WHERE state <> 'ended' LIMIT 1"):
            if time.monotonic() > end:
                self.wrong.append(f"round {self.number}: an action never ended")
                return
            await asyncio.sleep(0.02)

    # -- the work --------------------------------------------------------------------------------------------------

    def prepare(self, work: str, wire: str | None) -> "Work":
        name = _letters(self.number)
        records = [f"{name}{letter}" for letter in "xyz"]
        state = self.sandbox.state()
        acme = state["acme"]
        acme["records"]["records"] = {
            r: {"id": r, "version": "1", "value": "old", "events": []} for r in (*records, "r1")
        }
        acme["apikeys"]["accounts"] = {name: {"id": name, "keys": []}}
        self.sandbox.put(state)
        system, match = ("apikeys", "keys") if work == "key" else ("records", "records")
        if wire:
            self.sandbox.fault(wire, match, system, ms=150)
        if work == "undo":
            self.sandbox.fault("lying_200", records[2], "records", times=20)
        set_value = [
            {"id": f"s{n}", "contract": "set_value", "inputs": {"record": r, "value": "new"}}
            for n, r in enumerate(records)
        ]
        reason = f"round {self.number} of the fault matrix"
        calls: dict[str, tuple[str, dict[str, Any]]] = {
            "event": ("add_event_keyed", {"record": "r1", "name": name}),
            "value": ("set_value", {"record": records[0], "value": "new"}),
            "plan": ("run_plan", {"steps": set_value, "reason": reason}),
            "undo": ("run_plan", {"steps": set_value, "reason": reason}),
            "key": ("create_api_key", {"account_name": name, "reason": reason}),
        }
        return Work(work, calls[work], records, name, self.rows_now())

    def rows_now(self) -> int:
        return int(self.rows("SELECT coalesce(max(rowid), 0) FROM actions")[0][0])

    def look(self, work: "Work", where: str) -> None:
        """Every intent closed, each effect once, and what was answered is what the target holds."""
        if self.rows("SELECT count(*) FROM intents WHERE state = 'intent'") != [(0,)]:
            self.wrong.append(f"{where}: an intent is open")
        sql = f"SELECT contract, status, result, plan_id, undoes FROM actions WHERE rowid > {work.since} ORDER BY rowid"
        rows = self.rows(sql)
        tops = [r for r in rows if r[3] is None and r[4] is None]
        status = tops[-1][1] if tops else "nothing"
        self.ends[f"{work.kind} {status}"] += 1
        acme = self.sandbox.state()["acme"]
        if work.kind == "event":
            count = [e["name"] for e in acme["records"]["records"]["r1"]["events"]].count(work.name)
            self.expect(where, status, count, {"confirmed": (1,), "unknown": (0, 1)}.get(status, (0,)))
        elif work.kind == "key":
            count = len(acme["apikeys"]["accounts"][work.name]["keys"])
            self.expect(where, status, count, {"confirmed": (1,), "unknown": (0, 1)}.get(status, (0,)))
        elif work.kind == "value":
            self.value(where, acme, work.records[0], {"confirmed": "done"}.get(status, status))
        elif tops:
            for step, record in zip(orjson.loads(tops[-1][2]).get("steps", []), work.records, strict=False):
                self.value(where, acme, record, step["state"])
        elif acme["records"]["records"][work.records[0]]["version"] != "1":
            self.wrong.append(f"{where}: something was done and nothing is recorded")

    def value(self, where: str, acme: Any, record: str, state: str) -> None:
        found = acme["records"]["records"][record]
        right = {"done": [("new", "2")], "undone": [("old", "3")], "unknown": [("old", "1"), ("new", "2")]}
        if (found["value"], found["version"]) not in right.get(state, [("old", "1")]):
            self.wrong.append(f"{where}: `{record}` is {found['value']} at version {found['version']}, but {state}")

    def expect(self, where: str, status: str, count: int, right: tuple[int, ...]) -> None:
        if count not in right:
            self.wrong.append(f"{where}: {count} effects, but {status}")

    def close(self) -> None:
        """At the end: the log is whole, and no receipt is missing."""

        def run() -> None:
            with reading(self.reading or self.workspace) as read:
                self.wrong += list(audit(read, read_roots(self.workspace.root / "roots.json")))

        with ThreadPoolExecutor(1) as pool:
            pool.submit(run).result()
        ((missing,),) = self.rows(
            "SELECT count(*) FROM intents AS i WHERE NOT EXISTS (SELECT 1 FROM statements WHERE id = i.receipt_id)"
        )
        ((unended,),) = self.rows(
            "SELECT count(*) FROM actions AS a WHERE state = 'ended' AND sent_ms > 0 AND NOT EXISTS"
            " (SELECT 1 FROM statements WHERE action_id = a.id AND kind = 'outcome')"
        )
        if missing or unended:
            self.wrong.append(f"{missing} intents and {unended} outcomes have no receipt")


@dataclass
class Work:
    kind: str
    call: tuple[str, dict[str, Any]]
    records: list[str]
    name: str
    since: int


def _letters(number: int) -> str:
    out = ""
    while True:
        out = chr(97 + number % 26) + out
        number //= 26
        if not number:
            return f"k{out}"


def prepared(workspace: Workspace) -> Workspace:
    """Keys may be made without people here: this is about deaths, not about approvals."""
    path = workspace.root / "ailyus.toml"
    text = path.read_text()
    at = text.index("[connections.apikeys]")
    text = text[:at] + text[at:].replace('environment = "prod"', 'environment = "staging"', 1)
    path.write_text(text)
    base = workspace.root / "policies" / "base.cedar"
    free = 'unless { context.guarded || resource.environment == Environment::"staging" };'
    base.write_text(base.read_text().replace("unless { context.guarded };", free))
    return Workspace.open(workspace.root)


async def freeze(campaign: Campaign, point: str, *, ask: bool = False) -> None:
    """The owner is stopped, not killed: callers get an error (`ask`), and what wakes late sends nothing."""
    served = Mortal(campaign.workspace)
    campaign.number += 1
    work = campaign.prepare("value", None)
    url = await asyncio.to_thread(served.begin, f"{point}:1:stop")
    call = asyncio.create_task(campaign.call(url, *work.call))
    assert served.process is not None
    end = time.monotonic() + scaled(10)
    while f"killed at {point}" not in (campaign.workspace.private / "serve.log").read_text()[-200:]:
        assert time.monotonic() < end, "it never froze"
        await asyncio.sleep(0.02)
    writes = campaign.sandbox.writes(work.records[0])
    await asyncio.sleep(scaled(1.5))  # past the deadline of its intent
    if ask:
        said = await asyncio.to_thread(cli, "halt", "list", cwd=campaign.workspace.root, ok=False)
        if "the gateway does not answer" not in said or "frozen or overloaded" not in said:
            campaign.wrong.append(f"frozen at {point}: the command line said {said}")
    os.kill(served.process.pid, signal.SIGCONT)
    await call
    await campaign.settle()
    if campaign.sandbox.writes(work.records[0]) > writes + 1:
        campaign.wrong.append(f"frozen at {point}: it was sent more than once")
    intents = campaign.rows("SELECT attempt FROM intents ORDER BY rowid DESC LIMIT 1")
    sent_now = campaign.sandbox.writes(work.records[0]) == writes + 1
    # the first order was past its deadline: what was sent belongs to a later attempt
    if point != "after_send" and sent_now and intents[0][0] < 2:
        campaign.wrong.append(f"frozen at {point}: it was sent past its deadline")
    campaign.deaths[f"frozen {point}"] += 1
    await asyncio.to_thread(served.kill)
    campaign.look(work, f"frozen at {point}")
