"""Policy tests (`*.test.yaml`): who asks for what, in which state, and what Cedar must say; and `policy explain`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from contracts.action.request import ActionRequest, Caller
from contracts.compiler.expressions import Fault
from contracts.compiler.program import CedarAttribute, Program
from contracts.errors import AilyusError
from contracts.schema.contract import RISKS, Input
from contracts.text.document import read_document
from contracts.text.source import Malformed, files_of, read_source
from policies.decision import ApprovalRequired, Circumstances, Decider, Decision, Denied, Facts, Permitted, Rate
from policies.resource_facts import cedar_value
from policies.schema import membership

_SUFFIX = ".test.yaml"
NOW_MS = 1_767_000_000_000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Who(_Strict):
    """A principal of a test. The role `*` stands for every declared role."""

    roles: tuple[str, ...] = ()
    tenant: str = "acme"


class What(_Strict):
    """The resource of a test, as observed. The environment `*` stands for each that is declared."""

    tenant: str = "acme"
    environment: str = "prod"
    attributes: dict[str, JsonValue] = Field(default_factory=dict)


class Used(_Strict):
    """What the agent used of the contract so far."""

    last_hour: int = 0
    last_day: int = 0
    spent_last_day: int = 0
    spends: int = 0


class Every(_Strict):
    """Every contract in a group: `read`, `write`, `risk_at_least_…` or `tag_…`."""

    every: str


class Case(_Strict):
    """One case: `expect` is the outcome, `need` the approvals asked for, `because` ids that must have decided.

    With `approver` and `role` it asks whether that person may approve the action in that role. An action such as
    `{every: write}` names a group of contracts: the case is run for each. `not_permitted` is denied or asked for.
    """

    name: str
    action: str | Every
    agent: Who = Who()
    person: Who = Who()
    resource: What = What()
    params: dict[str, JsonValue] = Field(default_factory=dict)
    request: dict[Literal["verified", "requesterIsSubject"], bool] | None = None
    approvals: dict[str, int] = Field(default_factory=dict)
    oldest_seconds: int = 0
    change_freeze: bool = False
    open_incident: bool = False
    plan_size: int = 0
    rate: Used = Used()
    approver: Who | None = None
    role: str | None = None
    expect: Literal["permitted", "approval_required", "denied", "not_permitted", "may_approve", "may_not_approve"]
    need: dict[str, int] | None = None
    because: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _shape(self) -> "Case":
        if (self.approver is None) is not (self.role is None):
            raise ValueError("`approver` and `role` belong together")
        if (self.approver is None) is self.expect.startswith("may_"):
            raise ValueError("`may_approve` and `may_not_approve` are for cases with an `approver`, and for no other")
        if self.need is not None and self.expect != "approval_required":
            raise ValueError("`need` is for cases that expect `approval_required`")
        return self


class CaseFile(_Strict):
    """A file of cases."""

    tests: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """One case and why it failed ('' when it passed), with the policy ids that decided."""

    case: Case
    failure: str
    decided: frozenset[str]


def load_tests(folder: Path) -> list[tuple[str, Case]]:
    """Every case below a folder, with its file's name. Raises `AilyusError` where there is none."""
    cases: list[tuple[str, Case]] = []
    for path in files_of(folder, "*"):
        if path.suffix.lower() not in (".yaml", ".yml"):
            continue
        if not path.name.endswith(_SUFFIX):
            raise AilyusError("bad_policy", f"its name does not end in `{_SUFFIX}`", hint="rename it", field=path.name)
        try:
            content = CaseFile.model_validate(read_document(read_source(path))[1])
        except Malformed as error:
            raise _no_tests(path, f"line {error.line}: {error}") from None
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise _no_tests(path, f"`{where}`: {problem['msg'].lower()}") from None
        if not content.tests:
            raise _no_tests(path, "`tests` is an empty list")
        cases.extend((path.name, case) for case in content.tests)
    if not cases:
        hint = f"write one beside each policy, in a file `NAME{_SUFFIX}`; `ailyus policy new` writes both"
        raise AilyusError("tests_failed", f"there are no policy tests in `{folder.name}`", hint=hint)
    return cases


def _no_tests(path: Path, why: str) -> AilyusError:
    hint = "see policies/README.md for the format"
    return AilyusError("bad_policy", f"no policy tests: {why}", hint=hint, field=path.name)


def run_tests(decider: Decider, programs: Mapping[str, Program], cases: Iterable[Case]) -> list[Result]:
    """Run every case through the decider that decides in production, each of a group's contracts apart.

    A case that names what does not exist (a role, an attribute, a policy) fails, whatever it expects.
    """
    results = []
    for case in cases:
        if isinstance(case.action, Every) and case.action.every not in _groups(programs):
            results.append(Result(case, f"there is no group `{case.action.every}`", frozenset()))
        results.extend(_run(decider, programs, one) for one in _each(decider, programs, case))
    return results


def _each(decider: Decider, programs: Mapping[str, Program], case: Case) -> Iterator[Case]:
    group = case.action.every if isinstance(case.action, Every) else ""
    names = sorted(n for n, p in programs.items() if group in membership(p)) if group else [str(case.action)]
    environment = case.resource.environment
    places = sorted(decider.bundle.environments) if environment == "*" else [environment]
    for name in names:
        for place in places:
            said = [case.name, *([name] if group else []), *([place] if environment == "*" else [])]
            resource = case.resource.model_copy(update={"environment": place})
            changes = {"name": ": ".join(said), "action": name, "resource": resource}
            yield case.model_copy(update=changes)


def uncovered(decider: Decider, results: Iterable[Result]) -> list[str]:
    """Policies that no case exercised: named in no `because` and among no deciding ids."""
    covered = {name for r in results for name in (*r.decided, *r.case.because)}
    return sorted({name for s in decider.bundle.slices.values() for name in s.nodes} - covered)


def evaluate(decider: Decider, programs: Mapping[str, Program], case: Case) -> Decision:
    """Decide one case. Raises `AilyusError` `bad_policy` for what the case names and does not exist."""
    if fault := fault_of(decider, programs, case):
        raise AilyusError("bad_policy", fault, hint="correct the name; `ailyus.toml` and the contract say what exists")
    request, caller, facts = _situation(decider, programs, case)
    rate = Rate(case.rate.last_hour, case.rate.last_day, case.rate.spent_last_day)
    circumstances = Circumstances(
        NOW_MS,
        case.change_freeze,
        rate=rate,
        spends=case.rate.spends,
        plan_size=case.plan_size,
        open_incident=case.open_incident,
    )
    return decider.decide(request, caller, facts, circumstances, case.approvals, case.oldest_seconds)


def _situation(decider: Decider, programs: Mapping[str, Program], case: Case) -> tuple[ActionRequest, Caller, Facts]:
    program = programs[str(case.action)]
    agent, person = (_roles(decider, who) for who in (case.agent, case.person))
    caller = Caller("agent", case.agent.tenant, "person", "owner", agent, person)
    attributes = {a.name: _default(a.type) for a in program.attributes} | {
        a.name: _attribute(a, case.resource.attributes[a.name])
        for a in program.attributes
        if a.name in case.resource.attributes
    }
    asked = dict(case.request) if case.request is not None else None
    if program.asked and asked is None:
        asked = {"verified": True, "requesterIsSubject": True}
    facts = Facts(
        program.resource_type,
        "resource",
        None,
        attributes,
        {str(k): v for k, v in asked.items()} if asked and program.asked else None,
        case.resource.tenant,
        case.resource.environment,
        False,
    )
    params = {n: _param(f) for n, f in program.contract.inputs.items() if not f.optional} | case.params
    request = ActionRequest(
        program.name,
        program.contract.version,
        program.digest,
        program.contract.kind,
        program.contract.risk,
        case.agent.tenant,
        "agent",
        "person",
        "owner",
        "connection",
        "",
        params,
        None,
        None,
    )
    return request, caller, facts


def _run_approval(decider: Decider, programs: Mapping[str, Program], case: Case, approver: Who) -> Result:
    request, caller, facts = _situation(decider, programs, case)
    person = Caller("", approver.tenant, "approver", "approver", frozenset(), _roles(decider, approver))
    circumstances = Circumstances(NOW_MS, case.change_freeze)
    permits = decider.may_approve(request, caller, facts, circumstances, person, case.role or "")
    got = "may_not_approve" if permits is None else "may_approve"
    decided = permits or frozenset()
    failure = "" if got == case.expect else f"expected {case.expect}, got {got}"
    if not failure and not set(case.because) <= decided:
        failure = f"expected {', '.join(case.because)} to decide, got {', '.join(sorted(decided)) or 'no policy'}"
    return Result(case, failure, decided)


def _run(decider: Decider, programs: Mapping[str, Program], case: Case) -> Result:
    if fault := fault_of(decider, programs, case):
        return Result(case, fault, frozenset())
    if case.approver is not None:
        return _run_approval(decider, programs, case, case.approver)
    decision = evaluate(decider, programs, case)
    decided: frozenset[str] = frozenset()
    if decision.record is not None:
        decided = frozenset(name for ids in decision.record.policies.values() for name in ids)
    got = outcome_of(decision)
    failure = ""
    if case.expect not in (got, *(["not_permitted"] if got != "permitted" else [])):
        failure = f"expected {case.expect}, got {got} by {', '.join(sorted(decided)) or 'no policy'}"
    elif case.need is not None and isinstance(decision, ApprovalRequired):
        needs = [dict(need) for need in decision.needs]
        failure = "" if case.need in needs else f"expected the need {case.need}, got {needs}"
    if not failure and not set(case.because) <= decided:
        failure = f"expected {', '.join(case.because)} to decide, got {', '.join(sorted(decided)) or 'no policy'}"
    return Result(case, failure, decided)


def outcome_of(decision: Decision) -> str:
    """The outcome's word."""
    match decision:
        case Permitted():
            return "permitted"
        case ApprovalRequired():
            return "approval_required"
        case Denied():
            return "denied"


def explain(decision: Decision) -> list[str]:
    """Sentences for agent and for person apart: the deciding ids, or that no policy permits."""
    lines = []
    if isinstance(decision, ApprovalRequired):
        needs = " or ".join(" and ".join(f"{n} {r}" for r, n in need) for need in decision.needs)
        lines.append(f"approval required: {needs}")
    else:
        lines.append(outcome_of(decision))
    if decision.record is not None:
        for who, ids in decision.record.policies.items():
            decided = ", ".join(f"`{name}`" for name in ids)
            lines.append(f"{who}: decided by {decided}" if ids else f"{who}: no policy permits it")
        lines.extend(f"error: {error}" for error in decision.record.errors)
    elif isinstance(decision, Denied):
        lines.append(decision.reason)
    return lines


def _roles(decider: Decider, who: Who) -> frozenset[str]:
    return decider.bundle.roles if "*" in who.roles else frozenset(who.roles)


def _attribute(attribute: CedarAttribute, value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return value
    found = cedar_value(attribute, value)
    return value if isinstance(found, Fault) else found


def _groups(programs: Mapping[str, Program]) -> frozenset[str]:
    tags = {f"tag_{tag}" for program in programs.values() for tag in program.contract.tags}
    return frozenset({"read", "write", *tags, *(f"risk_at_least_{risk}" for risk in RISKS)})


def fault_of(decider: Decider, programs: Mapping[str, Program], case: Case) -> str:
    """The first thing that a case names and that does not exist ('' when all do): such a case would prove nothing."""
    program = programs.get(str(case.action))
    if program is None:
        return f"there is no contract `{case.action}`"
    bundle = decider.bundle
    roles = [role for who in (case.agent, case.person, case.approver or Who()) for role in who.roles if role != "*"]
    roles += [*case.approvals, *(case.need or ()), *((case.role,) if case.role is not None else ())]
    policies = {name for sliced in bundle.slices.values() for name in sliced.nodes}
    for kind, named, known in (
        ("role", roles, bundle.roles),
        ("environment", [case.resource.environment], bundle.environments),
        ("policy", case.because, policies),
        ("input", case.params, program.contract.inputs),
        (f"attribute of {program.resource_type}", case.resource.attributes, {a.name for a in program.attributes}),
    ):
        unknown = sorted(set(named) - set(known))
        if unknown:  # guard: tests name what exists
            return f"there is no {kind} `{unknown[0]}`"
    return _fault_of_values(program, case)


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


def _default(kind: str) -> JsonValue:
    values: dict[str, JsonValue] = {"Bool": False, "Long": 0, "String": "text", "SetOfString": []}
    return values.get(kind, {"__extn": {"fn": "decimal", "arg": "0.0"}})


def _param(field: Input) -> JsonValue:
    if field.enum:
        return field.enum[0]
    values: dict[str, JsonValue] = {"string": "text", "secret": "text", "integer": 1, "boolean": False, "array": []}
    return values[field.type]
