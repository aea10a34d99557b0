"""Plans over the plain REST store: called, begun, and taken step by step without a gateway."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from contracts.action.request import ToolCall
from contracts.canonical import new_id
from policies.decision import Denied
from policies.plan_parser import PlanRequest
from receipts.action.action import Action
from receipts.journal.plan_transitions import PlanRows
from server.plans import plan_results
from server.plans.commits import PlanCommits
from server.plans.compensation import PlanCompensation
from server.plans.completion import PlanCompletion
from server.plans.drift import PlanWrites
from server.plans.health import PlanHealth
from server.plans.plan_requests import PlanRequests
from server.plans.preflight import PlanPreflight, Preflight
from server.plans.progress import Progress
from server.plans.run import Run
from server.plans.steps import PlanSteps
from tests.server.engine import BOT, CONTRACTS, Engine

WATCHED = """
plan: set_both
title: Set two records, watched
summary: Set the values of two records.
use_when: a test needs it
inputs:
  record: {type: string, pattern: "^[a-z0-9]{1,20}$", description: "Record id."}
  other: {type: string, pattern: "^[a-z0-9]{1,20}$", description: "Record id."}
steps:
  - {id: one, contract: set_value, inputs: {record: "${inputs.record}", value: x}}
  - {id: two, contract: set_value, inputs: {record: "${inputs.other}", value: y}}
observe: {watched: {get: "/records/watched"}}
expect:
  - {that: "after.watched.value == 'fine'", so: "it is fine", else: "it is not fine"}
escalate: records-oncall
"""


def watched(folder: Path, **more: str) -> Path:
    """A folder of contracts with a plan that watches a record; `more` are further keys of the plan."""
    folder.mkdir()
    (folder / "set_value.yaml").write_text((CONTRACTS / "set_value.yaml").read_text())
    text = "".join(line for line in WATCHED.splitlines(True) if line.split(":")[0] not in more)
    (folder / "set_both.yaml").write_text(text + "".join(f"{key}: {value}\n" for key, value in more.items()))
    return folder


def step(name: str, record: str, value: str = "new") -> dict[str, Any]:
    return {"id": name, "contract": "set_value", "inputs": {"record": record, "value": value}}


def plan_action(made: Engine, *steps: dict[str, Any], **more: Any) -> Action:
    """The call of an agent's own plan."""
    return called(made, "run_plan", {"steps": list(steps), "reason": "a test of several steps", **more})


def called(made: Engine, name: str, arguments: dict[str, Any]) -> Action:
    """The call of a plan."""
    request = made.release.plans.parse(ToolCall(name=name, arguments=arguments), BOT).request
    return Action(new_id("act"), request, BOT, created_ms=made.executor.now(), first=True)


def both(made: Engine) -> Action:
    """The call of the plan that sets two records and watches a third."""
    made.seed("r2", "watched")
    made.records["watched"]["value"] = "fine"
    return called(made, "set_both", {"record": "r1", "other": "r2"})


def unfolded(made: Engine, action: Action) -> PlanRequest:
    planned = PlanRequests(made.release).unfold(action)
    assert not isinstance(planned, Denied), planned
    return planned


async def looked(made: Engine, action: Action) -> PlanPreflight:
    found = await Preflight(made.executor).look(action, unfolded(made, action))
    assert isinstance(found, PlanPreflight), found
    return found


async def begun(made: Engine, action: Action, **progress: Any) -> Run:
    """A plan whose row says that it runs, before its first step."""
    known = Progress(**{"started_ms": made.executor.now(), **progress})
    run = Run(replace(action, fence=action.fence + 1), unfolded(made, action), known, [])
    said = plan_results.running(run.action, run.tally, None)
    await made.journal.commit(action, [PlanRows(made.journal).beginning(action, known.packed, said)])
    return run


class Parts:
    """What a plan's run is made of, each at hand."""

    def __init__(self, made: Engine) -> None:
        executor = made.executor
        self.commits = PlanCommits(executor)
        self.writes = PlanWrites(made.release, made.journal.hiding)
        self.health = PlanHealth(executor)
        self.steps = PlanSteps(executor, self.commits, self.writes)
        self.compensation = PlanCompensation(executor, self.commits, self.writes)
        self.completion = PlanCompletion(executor, self.commits, self.health, self.compensation)


def values(made: Engine) -> dict[str, str]:
    return {name: record["value"] for name, record in made.records.items()}
