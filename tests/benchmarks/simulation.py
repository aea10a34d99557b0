"""`uv run python -m tests.benchmarks.simulation [--short]`: recorded decisions that a candidate decides a second of CPU.

The shipped policies and contracts against themselves with one edit. The decisions are those of 200 people and 1,000
records, of twelve contracts. The edits: of a contract that nobody called, so that nothing is decided anew; of a guard,
whose decisions are told apart by what the policies read; of one that compares a name with a written one; and of one
that asks who somebody is, which tells no two people apart that no policy names.
"""

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from contracts.action.request import Caller
from contracts.action.target import Target
from contracts.compiler.catalog import load_catalog
from policies.candidate import Candidate
from policies.case import Case, Who
from policies.case_situation import NOW_MS, situation_of
from policies.decision import DecisionContext
from policies.principal import People
from policies.release import Release
from policies.simulation import Simulation
from tests.policies.library import LIBRARY
from tests.world import ROOT

PEOPLE, RECORDS, ACTIONS = 200, 1_000, 12
IDLE = '@id("edit") forbid (principal, action == Action::"suspend_user", resource) when { context.plan.size > 50 };'
CALLS = 'action in [Action::"read", Action::"write"]'
GUARD = f'@id("edit") forbid (principal, {CALLS}, resource) when {{ context.plan.size > 2 }};'
NAMES = f'@id("edit") forbid (principal, {CALLS}, resource) when {{ principal.name != "x" && context.plan.size > 2 }};'
MEANT = "principal == context.person && context.plan.size > 2"
WHOM = f'@id("edit") forbid (principal is Person, {CALLS}, resource) when {{ {MEANT} }};'
EDITS = {"of an action that nobody called": IDLE, "of a guard": GUARD, "of a name": NAMES, "of who it is": WHOM}


@dataclass(frozen=True)
class Kept:
    """What the log keeps of one decision."""

    receipt: str
    connection: str
    requests: bytes
    entities: bytes


def release(edit: str = "") -> Release:
    """The shipped contracts and policies, with one more policy."""
    texts = {path.name: path.read_text() for path in LIBRARY.glob("*.cedar")}
    target = Target("okta", "okta", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")
    catalog = load_catalog(ROOT / "contracts" / "library")
    roles = ("Support", "Operations", "SecurityLead")
    candidate = Candidate(catalog, {**texts, "edit.cedar": edit}, {"okta": target}, People({}), roles, origin="o")
    return Release.build(candidate)


def decisions(side: Release, count: int) -> Iterator[Kept]:
    """Decisions as a gateway makes them, the same in every run."""
    chance = random.Random(1)
    programs = side.catalog.programs
    actions = chance.sample(sorted(set(programs) - {"suspend_user"}), ACTIONS)
    for number in range(count):
        role, action = chance.choice(("Support", "Operations")), chance.choice(actions)
        case = Case(name="c", action=action, agent=Who(roles=(role,)), person=Who(roles=(role,)), expect="permitted")
        request, _, facts = situation_of(side.decider, programs, case)
        name = f"person-{chance.randrange(PEOPLE)}"
        caller = Caller("bot", "acme", name, name, frozenset({role}), frozenset({role}))
        context = DecisionContext(NOW_MS + number * 1000, plan_size=chance.randrange(5))
        known = replace(facts, resource_id=f"record-{chance.randrange(RECORDS)}")
        approvals = {"SecurityLead": 1} if chance.randrange(2) else {}
        record = side.decider.decide(replace(request, person=name), caller, known, context, approvals, 0).record
        if record is not None:
            yield Kept(f"rcp_{number}", "okta", record.requests, record.entities)


def main() -> None:
    """Print how many a second of CPU, for each edit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    count = 60 if parser.parse_args().short else 4_000
    before = release()
    kept = list(decisions(before, count))
    for name, edit in EDITS.items():
        simulation = Simulation(before, release(edit))
        begun = time.process_time()
        tally = simulation.of(kept)
        seconds = time.process_time() - begun
        print(
            f"an edit {name}: {len(kept) / seconds:,.0f} decisions a second of CPU, {tally.same} same, "
            f"{tally.wider} wider, {tally.decided - tally.same - tally.wider} narrower, {tally.unfit} unfit"
        )


if __name__ == "__main__":
    main()
