"""Deaths in a race for a budget: callers and readers of one agent, and whatever was taken or seen before must be kept.

Each round has a workspace of its own, or a pair of replicas over a database of its own, so that each budget begins
empty. A gateway is killed in the race; what takes over must find the budget as it was left. In the end as many calls
were sent as the budget has shares, no fewer and no more: what ended `unknown` keeps its share, what ended `not_applied`
gave it back. A read that was answered is seen for ever, so that a policy that looks for it denies.
"""

import asyncio
import contextlib
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.workspace.workspace import Workspace
from tests.deaths import joined
from tests.faults.campaign import Campaign, Mortal
from tests.journeys.served import call_tool, token_of
from tests.postgres import Postgres
from tests.replicas.database import with_database
from tests.replicas.pair import copied
from tests.slowness import scaled
from tests.world import Sandbox, add_records

CALLERS = 16
READERS = 4
SHARES = 10
DOUBTED = ("a0", "a1")
"""Records to which nothing ever arrives, and whose state tells nothing: what is sent there ends unknown.

No more than two: a third doubt in a row would halt the contract.
"""
POINTS = (
    "before_intent",  # the budget was counted in the decision, nothing is taken
    "before_commit",
    "after_commit",
    "after_intent",  # the share is taken, nothing was sent
    "between_check_and_write",
    "during_send",
    "after_send",
    "before_outcome",
    "after_outcome",
    "answered_read",  # from outside, as soon as the agent has what it read
    "answered_write",  # from outside, as soon as the agent knows of its share
)
WIRE = (None, None, "lost_reply", "lost_request", "late_effect", "slow")
BUDGETS = """budgets:
  - {name: calls, action: [add_event, add_event_once], per: tenant, window: 24h}
  - {name: amount, action: [add_event, add_event_once], per: agent, window: 24h, counts: spends}
"""
POLICY = """
@id("shares")
forbid (principal is Agent, action in [Action::"add_event", Action::"add_event_once"], resource) when { context.budget.%s };
@id("nothing-is-set-after-reading")
forbid (principal is Agent, action == Action::"set_value", resource) when { context.session.saw.contains("get_record") };
"""
FULL = (f"calls > {SHARES}", f"amount > {3 * SHARES}")
SENT = "contract IN ('add_event', 'add_event_once') AND sent_ms > 0"


@dataclass(frozen=True, slots=True)
class Answered:
    """What the agent was told before or after a death."""

    action: str
    tool: str
    record: str
    status: str


@dataclass
class Race(Campaign):
    """One round: a race with a death in it, a second race after it, and what the target and the store hold then."""

    told: list[Answered] = field(default_factory=list)
    reads: int = 0
    """How many readers there are."""
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the agent was answered by the tool `cut_at`."""
    cut_at: str = ""

    async def round_of(self, point: str, *, pair: bool) -> None:
        """Kill a gateway at a point of the race, and look whether everything is as it must be."""
        wire, self.reads = self.dice.choice(WIRE), self.dice.choice((0, READERS))
        if point == "answered_read":
            self.reads = READERS
        where = f"{point}, {wire}, {self.reads} readers, {'a pair' if pair else 'alone'}"
        inside = "" if point.startswith("answered") else f"{point}:{self.dice.randint(1, SHARES)}"
        served, others = Mortal(self.workspace), []
        try:
            urls = [await asyncio.to_thread(served.begin, inside)]
            self.token = await token_of(self.workspace)
            if pair:
                other = await asyncio.to_thread(copied, self.workspace, self.workspace.root.with_name("other"))
                others = [Mortal(other)]
                urls.append(await asyncio.to_thread(others[0].begin, ""))
            self.fill(wire)
            died = await self.race_with_a_death(served, urls, point)
            self.deaths[point if died else "at the end of the race"] += 1
            await asyncio.to_thread(self.sandbox.heal)
            self.lose()
            urls[0] = await asyncio.to_thread(served.begin, "")
            await self.settle()
            await self.race_again(urls)
            await self.settle()
            await self.taint(urls, where)
            await asyncio.to_thread(self.check, where)
        finally:
            for one in (served, *others):
                if one.process is not None:
                    await asyncio.to_thread(one.kill)
        await asyncio.to_thread(self.close)

    def fill(self, wire: str | None) -> None:
        """Records of this round, and a fault for three of its sends."""
        state = self.sandbox.state()
        names = [f"{race}{n}" for race in "abs" for n in range(2 * CALLERS)]
        records = {name: {"id": name, "version": "1", "value": "old", "events": []} for name in names}
        state["acme"]["records"]["records"] = records
        self.sandbox.put(state)
        self.lose()
        if wire:
            self.sandbox.fault(wire, "events", "records", ms=150, times=3)

    def lose(self) -> None:
        for name in DOUBTED:
            self.sandbox.fault("lost_request", f"/{name}/events", "records", times=100)

    async def race_with_a_death(self, served: Mortal, urls: Sequence[str], point: str) -> bool:
        """16 callers and the readers at all gateways at once; whether the death came at its point."""
        self.cut_at = {"answered_read": "get_record", "answered_write": "add_event"}.get(point, "")
        names = [f"a{n}" for n in range(CALLERS)]
        writes = [("add_event", name) for name in names if name not in DOUBTED]
        calls = [("get_record", f"s{n}") for n in range(self.reads)] + writes
        self.dice.shuffle(calls)
        calls = [("add_event_once", name) for name in DOUBTED] + calls
        tasks = [asyncio.create_task(self.ask(urls[n % len(urls)], *call)) for n, call in enumerate(calls)]
        end = time.monotonic() + scaled(20)
        while time.monotonic() < end and not all(task.done() for task in tasks):
            if self.cut.is_set() or served.process is None or served.process.poll() is not None:
                break
            await asyncio.sleep(0.002)
        died = self.cut.is_set() or served.process is None or served.process.poll() is not None
        await asyncio.to_thread(served.kill)
        if len(urls) == 1:
            for task in tasks:
                task.cancel()
        await asyncio.wait(tasks, timeout=scaled(10))
        for task in tasks:
            task.cancel()
        return died

    async def race_again(self, urls: Sequence[str]) -> None:
        """As many callers again, without a fault; then one after the other, until one is denied."""
        await asyncio.gather(*(self.ask(urls[n % len(urls)], "add_event", f"b{n}") for n in range(CALLERS)))
        await self.settle()
        for n in range(CALLERS, 2 * CALLERS):
            if await self.ask(urls[n % len(urls)], "add_event", f"b{n}") == "denied":
                return
        self.wrong.append("nobody was denied at a full budget")

    async def taint(self, urls: Sequence[str], where: str) -> None:
        """Whether what the agent read before the death is known at every gateway."""
        seen = any(one.tool == "get_record" and one.status == "confirmed" for one in self.told)
        for n, url in enumerate(urls):
            status = await self.ask(url, "set_value", f"s{CALLERS + n}")
            self.ends[f"set_value {'after a read' if seen else 'without a read'} {status}"] += 1
            if seen and status != "denied":
                self.wrong.append(f"{where}: what the agent read is not known any more: {status}")
            if not self.reads and status != "confirmed":
                self.wrong.append(f"{where}: nothing was read, and it is {status}")

    async def ask(self, url: str, tool: str, record: str) -> str:
        """One call of the agent; the status that it was told, if any."""
        more = {"get_record": {}, "set_value": {"value": "new"}}.get(tool, {"name": "paid"})
        answer: dict[str, Any] = {}
        with contextlib.suppress(Exception):
            answer = await call_tool(url, self.token, tool, {"record": record, **more})
        status = str(answer.get("status", ""))
        if status not in ("", "running"):
            self.told.append(Answered(str(answer.get("action_id")), tool, record, status))
            if tool == self.cut_at:
                self.cut.set()
        return status

    def check(self, where: str) -> None:
        """The shares, the effects, and everything that was told, against the target and the store."""
        rows = dict(self.rows(f"SELECT status, count(*) FROM actions WHERE {SENT} GROUP BY status"))
        taken = sum(count for status, count in rows.items() if status != "not_applied")
        records = self.sandbox.state()["acme"]["records"]["records"]
        effects = sum(len(record["events"]) for record in records.values())
        sure = rows.get("confirmed", 0)
        self.ends.update({f"add_event {status}": count for status, count in rows.items()})
        if taken != SHARES:
            self.wrong.append(f"{where}: {taken} shares of {SHARES} are taken: {rows}")
        if not sure <= effects <= taken:
            self.wrong.append(f"{where}: the target saw {effects}, and the store holds {rows}")
        if any(len(record["events"]) > 1 for record in records.values()):
            self.wrong.append(f"{where}: a record has an event twice")
        kept = dict(self.rows("SELECT id, status FROM actions"))
        for one in self.told:
            # what is in doubt may be found out later; whatever else was told stands
            if one.status != "unknown" and kept.get(one.action, "nothing") != one.status:
                self.wrong.append(f"{where}: {one.record} was told {one.status}, and is {kept.get(one.action)}")
            if one.status == "confirmed" and one.tool == "add_event" and not records[one.record]["events"]:
                self.wrong.append(f"{where}: {one.record} was told confirmed, and the target has nothing")


def prepared(folder: Path, sandbox: Sandbox, full: str, database: str) -> Workspace:
    """A workspace whose budget has so many shares, whatever they are counted in."""
    workspace = add_records(folder, sandbox)
    for name in ("add_event", "add_event_once"):
        contract = folder / "contracts" / "records" / f"{name}.yaml"
        contract.write_text(contract.read_text() + 'spends: "3"\n')
    policies = folder / "policies"
    policies.joinpath("budgets.yaml").write_text(BUDGETS)
    policies.joinpath("records.cedar").write_text(policies.joinpath("records.cedar").read_text() + POLICY % full)
    return with_database(workspace, database) if database else Workspace.open(folder)


async def race(folder: Path, sandbox: Sandbox, points: Sequence[str], seed: int, server: Postgres | None) -> Race:
    """A round for each of the points, all as one campaign. With a database, a replica dies and another one goes on."""
    dice = random.Random(seed)
    rounds = []
    for number, point in enumerate(points):
        own = folder / f"round{seed}x{number}"
        database = await asyncio.to_thread(server.database, f"race_{seed}_{number}") if server else ""
        workspace = await asyncio.to_thread(prepared, own / "w", sandbox, FULL[number % 2], database)
        made = Race(workspace, sandbox, dice)
        await made.round_of(point, pair=server is not None)
        shutil.rmtree(own, ignore_errors=True)
        rounds.append(made)
    return joined(rounds)
