"""Tool entries: what an agent reads before it calls, generated from contracts.

A client reads the entries of all tools at once, so that each is as small as it can be without losing a fact: hints that
are the protocol's defaults are left out, and so is what other fields say.
"""

from collections.abc import Mapping
from typing import Any

import mcp_types as types

from contracts.action.request import Caller
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from policies.release import Release
from policies.run_plan_schema import RUN_PLAN
from server.mcp.built_in_tools import FIND_RECEIPTS, GET_ACTION, RUN_PLAN_TOOL
from server.mcp.tool_description import contract_description, plan_description
from server.results.output_schema import PLAN_OUTPUT_SCHEMA, output_schema_of


def tool_of(release: Release, program: Program, tenant: str) -> types.Tool:
    """The entry of one contract for one tenant."""
    contract = program.contract
    if program.is_write:
        hints = types.ToolAnnotations(
            title=contract.title,
            read_only_hint=False,
            destructive_hint=contract.risk != "low",
            idempotent_hint=True,
        )
    else:
        hints = types.ToolAnnotations(title=contract.title, read_only_hint=True)
    return types.Tool(
        name=contract.contract,
        title=contract.title,
        description=contract_description(program, release),
        input_schema=dict(release.schemas.of_contract(program, tenant).schema),
        output_schema=output_schema_of(program),
        annotations=hints,
        _meta={
            "dev.ailyus/contract": f"{contract.contract}@{contract.version}",
            "dev.ailyus/risk": contract.risk,
        },
    )


def plan_tool(release: Release, program: PlanProgram) -> types.Tool:
    """The entry of one plan."""
    plan = program.plan
    return types.Tool(
        name=plan.plan,
        title=plan.title,
        description=plan_description(program),
        input_schema=dict(release.schemas.of_plan(program).schema),
        output_schema=dict(PLAN_OUTPUT_SCHEMA),
        annotations=types.ToolAnnotations(
            title=plan.title, read_only_hint=False, destructive_hint=True, idempotent_hint=True
        ),
        _meta={"dev.ailyus/plan": f"{plan.plan}@{plan.version}", "dev.ailyus/risk": program.risk},
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


def is_tool(release: Release, name: str) -> bool:
    """Is there a tool of this name, whoever may call it?"""
    ours = (GET_ACTION.name, FIND_RECEIPTS.name, RUN_PLAN)
    return name in release.catalog.programs or name in release.catalog.plans or name in ours


def schema_of(release: Release, name: str) -> Mapping[str, Any] | None:
    """The input schema of a contract or plan; None for any other name."""
    program, plan = release.catalog.programs.get(name), release.catalog.plans.get(name)
    return program.inputs.schema if program else plan.inputs.schema if plan else None
