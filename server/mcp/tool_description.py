"""The description of a tool, in a fixed order: what · use when · not for · needs · risk · confirmed when · undo."""

from collections.abc import Mapping, Sequence

from contracts.compiler.check import Check
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from contracts.schema.contract import Contract
from contracts.schema.plan import Plan
from policies.release import Release

MAX_DESCRIPTION = 800


def contract_description(program: Program, release: Release) -> str:
    """Of a contract's tool; whose approval it may need is what the policies say."""
    contract = program.contract
    parts = _begun(contract, program.inputs.finders)
    sliced = release.decider.bundle.slices[program.name]
    roles = sorted({role for vector in sliced.vectors for role, count in vector if count})
    people = f"; may need approval of {' or '.join(roles)}" if roles and program.is_write else ""
    parts.append(f"Risk: {contract.risk}{people}.")
    if program.is_write:
        parts += [_confirmed(program.expect), f"Undo: {program.undo.contract if program.undo else 'none'}."]
    return _bounded(parts)


def plan_description(program: PlanProgram) -> str:
    """Of a plan's tool."""
    names = ", ".join(dict.fromkeys(step.contract for block in program.blocks for step in block.steps))
    parts = _begun(program.plan, program.inputs.finders)
    parts.append(f"Risk: {program.risk}. Steps: {names}, approved once.")
    if program.expect:
        parts.append(_confirmed(program.expect))
    parts.append(f"On failure: {program.plan.on_failure}.")
    return _bounded(parts)


def _begun(written: Contract | Plan, finders: Mapping[str, str]) -> list[str]:
    parts = [written.summary.rstrip(".") + ".", f"Use when: {written.use_when.rstrip('.')}."]
    if written.not_for:
        parts.append(f"Not for: {written.not_for.rstrip('.')}.")
    if finders:
        parts.append(f"Needs: {', '.join(f'{name} from {finder}' for name, finder in finders.items())}.")
    return parts


def _confirmed(expect: Sequence[Check]) -> str:
    return f"Confirmed when read back: {'; '.join(check.said for check in expect)}."


def _bounded(parts: Sequence[str]) -> str:
    text = " ".join(parts)
    return text if len(text) <= MAX_DESCRIPTION else text[: MAX_DESCRIPTION - 1] + "…"
