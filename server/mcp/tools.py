"""Tool entries: what an agent reads before it calls, generated from contracts in a fixed order."""

from collections.abc import Mapping
from typing import Any, get_args

import mcp_types as types
from pydantic import JsonValue

from contracts.action.request import Caller
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from policies.release import Release
from policies.run_plan_schema import RUN_PLAN, RUN_PLAN_SCHEMA
from receipts.action.status import Status
from server.results.output_schema import OUTPUT_SCHEMA

MAX_DESCRIPTION = 800

GET_ACTION = types.Tool(
    name="get_action",
    title="Get an action",
    description=(
        "Read what became of an action that you asked for: the same envelope as the action itself, as soon as it ends. "
        "Use when: a result was approval_required or running. Not for: asking for anything to be done. "
        "Needs: the action_id of that result. Risk: none; it only reads."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "action_id": {"type": "string", "pattern": "^act_[0-9A-Z]{26}$", "description": "From the result."},
            "wait_seconds": {
                "type": "integer",
                "minimum": 0,
                "maximum": 45,
                "default": 0,
                "description": "How long to wait.",
            },
        },
        "required": ["action_id"],
        "additionalProperties": False,
    },
    output_schema=dict(OUTPUT_SCHEMA),
    annotations=types.ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    ),
)
FIND_RECEIPTS = types.Tool(
    name="find_receipts",
    title="Find receipts",
    description=(
        "List the receipts of what you did, newest first: was it done? "
        "Use when: somebody asks what was done, or for a receipt. Not for: waiting (get_action). "
        "Needs: nothing; contract and status narrow it. Risk: none; it only reads."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "contract": {"type": "string", "maxLength": 64, "description": "Only receipts of this tool."},
            "status": {
                "type": "string",
                "enum": list(get_args(Status)),
                "description": "Only receipts with this status.",
            },
            "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10, "description": "How many."},
        },
        "required": [],
        "additionalProperties": False,
    },
    output_schema=dict(OUTPUT_SCHEMA),
    annotations=types.ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    ),
)

RUN_PLAN_TOOL = types.Tool(
    name=RUN_PLAN,
    title="Run several steps as one",
    description=(
        "Run several tools as one plan: decided whole before the first step, approved once, carried out in order, "
        "undone in reverse when a step is not confirmed. Use when: several actions belong together, or one goes over "
        "many items (for_each, in waves). Not for: a single action. Needs: the ids that each step's tool needs. "
        "Risk: that of its riskiest step, and who approves is decided by the steps. Confirmed when: every step is."
    ),
    input_schema=dict(RUN_PLAN_SCHEMA),
    output_schema=dict(OUTPUT_SCHEMA),
    annotations=types.ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
    ),
)


def tool_of(release: Release, program: Program, tenant: str) -> types.Tool:
    """The entry of one contract for one tenant."""
    contract = program.contract
    schema: dict[str, JsonValue] = dict(release.schemas.of_contract(program, tenant).schema)
    write = program.is_write
    return types.Tool(
        name=contract.contract,
        title=contract.title,
        description=_description(program, release),
        input_schema=schema,
        output_schema=dict(OUTPUT_SCHEMA),
        annotations=types.ToolAnnotations(
            title=contract.title,
            read_only_hint=not write,
            destructive_hint=write and contract.risk != "low",
            idempotent_hint=True,
            open_world_hint=True,
        ),
        _meta={
            "dev.ailyus/contract": f"{contract.contract}@{contract.version}",
            "dev.ailyus/digest": program.digest,
            "dev.ailyus/risk": contract.risk,
        },
    )


def tools_for(release: Release, caller: Caller) -> list[types.Tool]:
    """The tools that this caller may call at all: what is denied for every resource is not listed."""
    listed = []
    for name in sorted(release.catalog.programs):
        program = release.catalog.programs[name]
        targets = release.targets.candidates(program, caller.tenant)
        if any(release.decider.denied_early(name, caller, target) is None for target in targets):
            listed.append(tool_of(release, program, caller.tenant))
    known = {tool.name for tool in listed}
    for plan in release.catalog.plans.values():
        if {step.contract for block in plan.blocks for step in block.steps} <= known:
            listed.append(plan_tool(release, plan))
    writes = any(release.catalog.programs[name].is_write for name in known & set(release.catalog.programs))
    return [*listed, *([RUN_PLAN_TOOL] if writes else []), GET_ACTION, FIND_RECEIPTS]


def plan_tool(release: Release, program: PlanProgram) -> types.Tool:
    """The entry of one plan."""
    plan = program.plan
    names = ", ".join(dict.fromkeys(step.contract for block in program.blocks for step in block.steps))
    parts = [plan.summary.rstrip(".") + ".", f"Use when: {plan.use_when.rstrip('.')}."]
    if plan.not_for:
        parts.append(f"Not for: {plan.not_for.rstrip('.')}.")
    if program.inputs.finders:
        needs = ", ".join(f"{name} from {finder}" for name, finder in program.inputs.finders.items())
        parts.append(f"Needs: {needs}.")
    parts.append(f"Risk: {program.risk}. Steps: {names}, approved once.")
    if program.expect:
        parts.append(f"Confirmed when it is read back that {'; '.join(c.said for c in program.expect)}.")
    parts.append(f"On failure: {plan.on_failure}.")
    text = " ".join(parts)
    return types.Tool(
        name=plan.plan,
        title=plan.title,
        description=text if len(text) <= MAX_DESCRIPTION else text[: MAX_DESCRIPTION - 1] + "…",
        input_schema=dict(release.schemas.of_plan(program).schema),
        output_schema=dict(OUTPUT_SCHEMA),
        annotations=types.ToolAnnotations(
            title=plan.title, read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
        ),
        _meta={
            "dev.ailyus/plan": f"{plan.plan}@{plan.version}",
            "dev.ailyus/digest": program.digest,
            "dev.ailyus/risk": program.risk,
        },
    )


def _description(program: Program, release: Release) -> str:
    contract = program.contract
    parts = [contract.summary.rstrip(".") + ".", f"Use when: {contract.use_when.rstrip('.')}."]
    if contract.not_for:
        parts.append(f"Not for: {contract.not_for.rstrip('.')}.")
    if program.inputs.finders:
        needs = ", ".join(f"{name} from {finder}" for name, finder in program.inputs.finders.items())
        parts.append(f"Needs: {needs}.")
    sliced = release.decider.bundle.slices[program.name]
    roles = sorted({role for vector in sliced.vectors for role, count in vector if count})
    people = f"; may need the approval of {' or '.join(roles)}" if roles and program.is_write else ""
    parts.append(f"Risk: {contract.risk}{people}.")
    if program.is_write:
        proof = "; ".join(check.said for check in program.expect)
        undo = program.undo.contract if program.undo else "none"
        parts.append(f"Confirmed when it is read back that {proof}. Undo: {undo}.")
    text = " ".join(parts)
    return text if len(text) <= MAX_DESCRIPTION else text[: MAX_DESCRIPTION - 1] + "…"


def is_tool(release: Release, name: str) -> bool:
    """Is there a tool of this name, whoever may call it?"""
    ours = (GET_ACTION.name, FIND_RECEIPTS.name, RUN_PLAN)
    return name in release.catalog.programs or name in release.catalog.plans or name in ours


def schema_of(release: Release, name: str) -> Mapping[str, Any] | None:
    """The input schema of a contract or plan; None for any other name."""
    program, plan = release.catalog.programs.get(name), release.catalog.plans.get(name)
    return program.inputs.schema if program else plan.inputs.schema if plan else None
