"""`uv run python -m tests.benchmarks.policies [--short]`: what 1,000 policies and a shadow cost decisions and calls.

Decisions are timed in turn under 10, 100 and 1,000 policies over the shipped contracts. The first ten are the shipped walls
and approvals with three grants; of a hundred others two are about reads or writes, eight about a tag, and each of the rest
about one action. A release of the largest set is built in a
thread while a coroutine of the same process asks for a turn each millisecond and decides; the same time with nothing
beside it comes first. Governed reads go to a gateway of its own process, in blocks without and with a shadow.
"""

import argparse
import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from httpx2 import AsyncClient

from contracts.action.request import ActionRequest, Caller
from contracts.action.target import Target
from contracts.compiler.catalog import Catalog, load_catalog
from contracts.compiler.program import Program
from policies.candidate import Candidate
from policies.case import Case, Who
from policies.case_situation import NOW_MS, situation_of
from policies.decider import Decider
from policies.decision import DecisionContext, ResourceFacts
from policies.principal import People
from policies.release import Release
from server.gateway_process import settle_interpreter
from tests.server.loads import FIND, headers
from tests.web import web
from tests.world import ROOT, Sandbox, Served, cli, make_workspace, unbounded

ROLES = ("Support", "Operations", "SecurityLead")
GRANTS = "".join(
    f'@id("own-{role.lower()}-{kind}") permit (principal in Role::"{role}", action in Action::"{kind}", resource);\n'
    for role, kind in (("Support", "read"), ("Support", "write"), ("Operations", "write"))
)
BASE = 10
"""Policies of each set: the shipped walls and approvals, and three grants."""
OWN = "own.cedar"
"""The file of the workspace's own policies."""
CONDITIONS = (
    "when {{ context.plan.size > {0} }}",
    "when {{ context.repeat > {0} }}",
    'when {{ principal.name == "bot-{0}" }}',
    'when {{ resource.environment == Environment::"staging" && context.repeat > {0} }}',
    "when {{ context.env.weekday > 5 && context.plan.size > {0} }}",
)


@dataclass(frozen=True)
class Cost:
    """Medians of decisions in microseconds: asked for the first time, and again about the same entities."""

    first: float
    again: float


def policies(count: int, programs: Mapping[str, Program]) -> str:
    """Own policies, which make so many together with those that are shipped."""
    actions, tags = sorted(programs), sorted({tag for p in programs.values() for tag in p.contract.tags})
    texts = [GRANTS]
    for number in range(count - BASE):
        match number % 50:
            case 7:
                scope = f'action in Action::"{("read", "write")[number // 50 % 2]}"'
            case 1 | 13 | 25 | 37:
                scope = f'action in Action::"tag_{tags[number // 12 % len(tags)]}"'
            case _:
                scope = f'action == Action::"{actions[number * 7 % len(actions)]}"'
        condition = CONDITIONS[number % len(CONDITIONS)].format(50 + number)
        texts.append(f'@id("own-{number}") forbid (principal, {scope}, resource) {condition};\n')
    return "".join(texts)


def release(count: int, catalog: Catalog) -> Release:
    """A release with so many policies, built anew."""
    shipped = {name: (ROOT / "policies" / "library" / name).read_text() for name in ("base.cedar", "approvals.cedar")}
    target = Target("okta", "okta", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")
    # a text of its own: what is the same is not parsed again
    files = {**shipped, OWN: policies(count, catalog.programs) + f"// {time.time_ns()}\n"}
    return Release.build(Candidate(catalog, files, {"okta": target}, People({}), ROLES, origin="o"))


Asked = tuple[ActionRequest, Caller, ResourceFacts]


def asked(decider: Decider, programs: Mapping[str, Program], actions: Iterable[str]) -> list[Asked]:
    """What a member of support asks of each action."""
    who = Who(roles=("Support",))
    cases = (Case(name="c", action=name, agent=who, person=who, expect="permitted") for name in actions)
    return [situation_of(decider, programs, case) for case in cases]


def costs(catalog: Catalog, sizes: Iterable[int], rounds: int) -> dict[int, Cost]:
    """What a decision costs under each number of policies, asked in turn of one after the other."""
    deciders = {size: release(size, catalog).decider for size in sizes}
    chance, order = random.Random(1), list(deciders)
    actions = chance.sample(sorted(catalog.programs), min(40, len(catalog.programs)))
    times: dict[int, tuple[list[float], list[float]]] = {size: ([], []) for size in deciders}
    known = asked(deciders[order[0]], catalog.programs, actions)
    context = DecisionContext(NOW_MS)
    for number in range(rounds):
        for request, caller, facts in known:
            # a record that no decision was about yet, so that its entities are checked anew
            fresh = replace(facts, resource_id=f"record-{number}")
            chance.shuffle(order)
            for size, kind in itertools.product(order, (0, 1)):
                begun = time.perf_counter()
                deciders[size].decide(request, caller, fresh, context)
                times[size][kind].append((time.perf_counter() - begun) * 1e6)
    return {size: Cost(*(statistics.median(kind) for kind in times[size])) for size in sizes}


def queued() -> float:
    """Seconds that this thread was ready to run and had no core; 0 where the kernel does not count them."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


@dataclass
class Turns:
    """A coroutine that decides each millisecond, and how many milliseconds it waited too long at most.

    `own` is for this process's own work: without the time in which its thread had no core, nor more than the process
    worked meanwhile, as other processes may run here.
    """

    waited: float = 0.0
    own: float = 0.0

    async def take(self, decider: Decider, one: Asked) -> None:
        """For ever."""
        request, caller, facts = one
        while True:
            begun, worked, idle = time.perf_counter(), time.process_time(), queued()
            await asyncio.sleep(0.001)
            waited = time.perf_counter() - begun - 0.001
            own = min(waited - (queued() - idle), time.process_time() - worked)
            self.waited, self.own = max(self.waited, waited * 1000), max(self.own, own * 1000)
            decider.decide(request, caller, facts, DecisionContext(NOW_MS))


async def held(catalog: Catalog, count: int) -> tuple[float, Turns, Turns]:
    """Seconds to build a release off the loop, and how a coroutine fares beside it, and alone for as long."""
    live = release(BASE, catalog).decider
    (one,) = asked(live, catalog.programs, sorted(catalog.programs)[:1])
    beside, alone = Turns(), Turns()
    begun = time.perf_counter()
    task = asyncio.create_task(beside.take(live, one))
    await asyncio.to_thread(release, count, catalog)
    task.cancel()
    took = time.perf_counter() - begun
    task = asyncio.create_task(alone.take(live, one))
    await asyncio.sleep(took)
    task.cancel()
    return took, beside, alone


class Reads:
    """Governed reads of a gateway, one after another, in milliseconds."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.headers = url, headers(token)

    async def some(self, http: AsyncClient, count: int) -> list[float]:
        """So many of them."""
        took = []
        for _ in range(count):
            begun = time.perf_counter()
            answer = await http.post(self.url, json=FIND, headers=self.headers)
            took.append((time.perf_counter() - begun) * 1000)
            assert answer.status_code == 200, answer.text
        return took

    async def during(self, http: AsyncClient, task: asyncio.Task[str]) -> list[float]:
        """As long as a task lasts."""
        took = []
        while not task.done():
            took += await self.some(http, 1)
        await task
        return took


async def served(folder: Path, sandbox: Sandbox, sizes: tuple[int, int, int]) -> list[str]:
    """What a release of so many policies, and a shadow, cost governed reads: `sizes` are policies, blocks, reads."""
    count, blocks, reads = sizes
    workspace = unbounded(make_workspace(folder / "w", sandbox, template="library"))
    gateway = Served(workspace)
    said = []
    try:
        url = await asyncio.to_thread(gateway.start)
        asks = Reads(url, await asyncio.to_thread(gateway.token))
        async with web(timeout=30.0) as http:

            async def command(*words: str) -> str:
                return await asyncio.to_thread(cli, *words, cwd=workspace.root)

            await asks.some(http, reads)
            alone = await asks.some(http, reads)
            programs = load_catalog(workspace.root / "contracts").programs
            (workspace.root / "policies" / "many.cedar").write_text(policies(count, programs).removeprefix(GRANTS))
            apply = ("release", "apply", "--as", "lead", "--reason", "many", "--allow-wider")
            beside = await asks.during(http, asyncio.create_task(command(*apply)))
            said.append(
                f"a governed read: p50 {statistics.median(alone):.2f} ms, most {max(alone):.1f} ms; while a release of "
                f"{count:,} policies is applied p50 {statistics.median(beside):.2f} ms, most {max(beside):.1f} ms"
            )
            without, under = [], []
            for _ in range(blocks):
                without += await asks.some(http, reads)
                await command("policy", "shadow", "on", "--as", "lead")
                under += await asks.some(http, reads)
                await command("policy", "shadow", "off", "--as", "lead")
            one, other = statistics.median(without), statistics.median(under)
            said.append(
                f"a governed read: p50 {one:.2f} ms without a shadow, {other:.2f} ms with one: {other / one:.3f}x"
            )
    finally:
        await asyncio.to_thread(gateway.stop)
    return said


def main() -> None:
    """Print each of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    short = parser.parse_args().short
    catalog = load_catalog(ROOT / "contracts" / "library" / ("okta" if short else ""))
    sizes = (10, 12, 20) if short else (10, 100, 1_000)
    found = costs(catalog, sizes, 2 if short else 50)
    for size, cost in found.items():
        print(
            f"{size:,} policies: a decision p50 {cost.first:.0f} µs, {cost.first / found[sizes[0]].first:.2f}x; "
            f"again about the same entities {cost.again:.0f} µs, {cost.again / found[sizes[0]].again:.2f}x"
        )
    settle_interpreter()  # as `ailyus serve` does
    took, beside, alone = asyncio.run(held(catalog, sizes[-1]))
    print(
        f"a release of {sizes[-1]:,} policies builds in {took:.1f} s; beside it a coroutine waits {beside.waited:.0f} ms too "
        f"long at most ({beside.own:.0f} ms of this process's work), alone {alone.waited:.0f} ms ({alone.own:.0f} ms)"
    )
    if short:
        return
    sandbox = Sandbox()
    try:
        with tempfile.TemporaryDirectory() as name:
            for line in asyncio.run(served(Path(name), sandbox, (1_000, 5, 200))):
                print(line)
    finally:
        sandbox.close()


if __name__ == "__main__":
    main()
