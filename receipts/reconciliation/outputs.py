"""What a contract gives back, filled from what was read, and the target's own words where it refuses."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pydantic import JsonValue

from contracts.action.observation import Execution, Observation
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from contracts.compiler.template import Template
from contracts.schema.output import MAX_SECRET, Output
from receipts.reconciliation.scope import scope_of


def outputs_of(
    program: Program, scope: Mapping[str, object], kept: Mapping[str, JsonValue] = MappingProxyType({})
) -> dict[str, JsonValue] | Fault:
    """All declared outputs, or the fault of the first that is missing or ill-formed: then nothing is `confirmed`."""
    outputs = filled(program.outputs, scope, kept)
    if isinstance(outputs, Fault):
        return outputs
    for name, declared in program.contract.outputs.items():
        if isinstance(declared, Output) and not _formed(declared, outputs[name]):
            return Fault(f"the output `{name}` is missing")
    return outputs


NOTHING_READ = Observation({}, 0, "same_channel")
MAX_REFUSAL = 400
"""Characters of a refusal's words that an agent is given."""


def refusal_of(program: Program, base: Mapping[str, object], execution: Execution) -> str | None:
    """The words of a refusal that the contract lets the agent read; None where there are none."""
    if program.refusal is None or execution.response is None:
        return None
    words = program.refusal.value(scope_of(program, base, NOTHING_READ, NOTHING_READ, execution))
    return words[:MAX_REFUSAL] if isinstance(words, str) and words else None


def filled(
    templates: Sequence[tuple[str, Template]],
    scope: Mapping[str, object],
    kept: Mapping[str, JsonValue] = MappingProxyType({}),
) -> dict[str, JsonValue] | Fault:
    """The values of templates; the first fault where one cannot be filled."""
    outputs: dict[str, JsonValue] = {}
    for name, template in templates:
        value = template.filled(scope)
        # what an answer gave once (a secret, say) is in no later read: what was kept of it counts
        if isinstance(value, Fault) and name not in kept:
            return Fault(f"the output `{name}` is missing")
        outputs[name] = kept[name] if isinstance(value, Fault) else value
    return outputs


def _formed(declared: Output, value: JsonValue) -> bool:
    if declared.secret is not None:
        return isinstance(value, str) and 0 < len(value) <= MAX_SECRET
    if declared.pattern is not None:
        return isinstance(value, str) and re.fullmatch(declared.pattern, value) is not None
    return declared.enum is None or value in declared.enum
