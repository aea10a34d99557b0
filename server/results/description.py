"""What a contract would do to a record, in its own words, and whose approval it would need."""

from collections.abc import Mapping, Sequence

import orjson
from pydantic import JsonValue

from contracts.compiler.check import ABSENT, lookup
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.approval_requirement import ApprovalRequirement
from receipts.action.result_parts import Would


def told_of(program: Program, scope: Mapping[str, object]) -> tuple[str, tuple[str, ...]]:
    """What will change, in one sentence, and the words of the record that stand apart from it as `[1]`, `[2]`, …"""
    told = program.says.told(scope) if program.says else (program.contract.title, ())
    # INVARIANT 2: nobody approves what could not be put into words
    if isinstance(told, Fault):
        raise AilyusError("internal", "what will change cannot be said")
    return told


def shows_of(program: Program, scope: Mapping[str, object]) -> dict[str, JsonValue]:
    """What the contract shows of the record as it is, by path."""
    return {path: shown(lookup(path, scope)) for path in program.contract.shows}


def apart_shown(apart: Sequence[str]) -> dict[str, JsonValue]:
    """What stands apart from a sentence, by its mark."""
    return {f"[{number}]": value for number, value in enumerate(apart, 1)}


def shown(value: object) -> str:
    """A value as text."""
    if value is ABSENT:
        return "(absent)"
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def needed(needs: Sequence[ApprovalRequirement]) -> str:
    """Which approvals are asked for, as words."""
    return " or ".join(" and ".join(f"{count} {role}" for role, count in need) for need in needs)


def would(program: Program, scope: Mapping[str, object], needs: Sequence[ApprovalRequirement], undo: str) -> Would:
    """What an action would do: what an approver's document says of it, and what is read back afterwards."""
    says, apart = told_of(program, scope)
    return Would(
        says=says,
        shows=apart_shown(apart) | shows_of(program, scope),
        needs=needed(needs),
        undo=undo,
        checks=tuple(check.said for check in program.expect),
    )
