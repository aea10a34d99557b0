"""The fault of a case: what it names and what does not exist, so that it would prove nothing."""

from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from contracts.schema.contract import RISKS
from contracts.schema.input import Input
from policies.budget import names_of
from policies.case import Case, Who
from policies.decider import Decider
from policies.resource_facts import cedar_value
from policies.session_history import shown_names


def group_names(programs: Mapping[str, Program]) -> frozenset[str]:
    """The groups of contracts that a case may name with `every`."""
    tags = {f"tag_{tag}" for program in programs.values() for tag in program.contract.tags}
    return frozenset({"read", "write", *tags, *(f"risk_at_least_{risk}" for risk in RISKS)})


def fault_of(decider: Decider, programs: Mapping[str, Program], case: Case) -> str:
    """The first thing that a case names and that does not exist ('' when all do): such a case would prove nothing."""
    bundle = decider.bundle
    roles = [role for who in (case.agent, case.person, case.approver or Who()) for role in who.roles if role != "*"]
    roles += [*case.approvals, *(case.need or ()), *((case.role,) if case.role is not None else ())]
    if case.release is not None:
        return _unknown((("role", roles, bundle.roles), ("policy", case.because, bundle.releases.nodes)))
    program = programs.get(str(case.action))
    if program is None:
        return f"there is no contract `{case.action}`"
    policies = {name for sliced in bundle.slices.values() for name in sliced.nodes}
    named = (
        ("role", roles, bundle.roles),
        ("environment", [case.resource.environment], bundle.environments),
        ("policy", case.because, policies),
        ("input", case.params, program.contract.inputs),
        ("contract or group", case.saw, shown_names(programs.values())),
        ("budget", case.budget, names_of(bundle.budgets.of(program.name))),
        (f"attribute of {program.resource_type}", case.resource.attributes, {a.name for a in program.attributes}),
    )
    return _unknown(named) or _fault_of_values(program, case)


def _unknown(named: Iterable[tuple[str, Iterable[str], Iterable[str]]]) -> str:
    for kind, names, known in named:
        unknown = sorted(set(names) - set(known))
        if unknown:  # guard: tests name what exists
            return f"there is no {kind} `{unknown[0]}`"
    return ""


def _fault_of_values(program: Program, case: Case) -> str:
    if case.request is not None and not program.asked:
        return f"the contract `{program.name}` knows no `request`"
    for name, value in case.params.items():
        if not _fits(program.contract.inputs[name], value):
            return f"the value of the input `{name}` is none that it may have"
    for attribute in program.attributes:
        value = case.resource.attributes.get(attribute.name)
        if value is not None and not isinstance(value, dict) and isinstance(cedar_value(attribute, value), Fault):
            return f"the value of the attribute `{attribute.name}` is no {attribute.type}"
    return ""


def _fits(field: Input, value: JsonValue) -> bool:
    if field.enum:
        return value in field.enum
    kinds = {"string": str, "secret": str, "integer": int, "boolean": bool, "array": list}
    return isinstance(value, kinds[field.type]) and isinstance(value, bool) is (field.type == "boolean")
