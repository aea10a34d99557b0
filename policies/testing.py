"""Policy tests (`*.test.yaml`): who asks for what, in which state, and what Cedar must say; and `policy explain`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from contracts.contract import Input
from contracts.document import read_document
from contracts.errors import AilyusError
from contracts.program import Program
from contracts.request import ActionRequest, Caller
from contracts.source import Malformed, files_of, read_source
from policies.decision import ApprovalRequired, Circumstances, Decider, Decision, Denied, Facts, Permitted, Rate

NOW_MS = 1_767_000_000_000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Who(_Strict):
    """A principal of a test."""

    roles: tuple[str, ...] = ()
    tenant: str = "acme"


class What(_Strict):
    """The resource of a test, as observed."""

    tenant: str = "acme"
    environment: str = "prod"
    attributes: dict[str, JsonValue] = Field(default_factory=dict)


class Used(_Strict):
    """What the agent used of the contract so far."""

    last_hour: int = 0
    last_day: int = 0
    spent_last_day: int = 0
    spends: int = 0


class Case(_Strict):
    """One case: `expect` is the outcome, `need` the approvals asked for, `because` ids that must have decided.

    With `approver` and `role` it asks whether that person may approve the action in that role.
    """

    name: str
    action: str
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
    expect: Literal["permitted", "approval_required", "denied", "may_approve", "may_not_approve"]
    need: dict[str, int] | None = None
    because: tuple[str, ...] = ()


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
    """Every case below a folder, with its file's name."""
    cases: list[tuple[str, Case]] = []
    for path in files_of(folder, "*.test.yaml"):
        try:
            content = CaseFile.model_validate(read_document(read_source(path))[1])
        except Malformed as error:
            raise _no_tests(path, f"line {error.line}: {error}") from None
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise _no_tests(path, f"`{where}`: {problem['msg'].lower()}") from None
        cases.extend((path.name, case) for case in content.tests)
    return cases


def _no_tests(path: Path, why: str) -> AilyusError:
    hint = "see policies/README.md for the format"
    return AilyusError("bad_policy", f"no policy tests: {why}", hint=hint, field=path.name)


def run_tests(decider: Decider, programs: Mapping[str, Program], cases: Iterable[Case]) -> list[Result]:
    """Run every case through the decider that decides in production."""
    return [_run(decider, programs, case) for case in cases]


def uncovered(decider: Decider, results: Iterable[Result]) -> list[str]:
    """Policies that no case exercised: named in no `because` and among no deciding ids."""
    covered = {name for r in results for name in (*r.decided, *r.case.because)}
    return sorted({name for s in decider.bundle.slices.values() for name in s.nodes} - covered)


def evaluate(decider: Decider, programs: Mapping[str, Program], case: Case) -> Decision:
    """Decide one case."""
    request, caller, facts = _situation(programs, case)
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


def _situation(programs: Mapping[str, Program], case: Case) -> tuple[ActionRequest, Caller, Facts]:
    program = programs.get(case.action)
    if program is None:
        raise AilyusError("bad_policy", f"there is no contract `{case.action}`", hint="`ailyus contract list`")
    caller = Caller(
        "agent", case.agent.tenant, "person", "owner", frozenset(case.agent.roles), frozenset(case.person.roles)
    )
    attributes = {a.name: _default(a.type) for a in program.attributes} | case.resource.attributes
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
    request, caller, facts = _situation(programs, case)
    person = Caller("", approver.tenant, "approver", "approver", frozenset(), frozenset(approver.roles))
    circumstances = Circumstances(NOW_MS, case.change_freeze)
    permits = decider.may_approve(request, caller, facts, circumstances, person, case.role or "")
    got = "may_not_approve" if permits is None else "may_approve"
    decided = permits or frozenset()
    failure = "" if got == case.expect else f"expected {case.expect}, got {got}"
    if not failure and not set(case.because) <= decided:
        failure = f"expected {', '.join(case.because)} to decide, got {', '.join(sorted(decided)) or 'no policy'}"
    return Result(case, failure, decided)


def _run(decider: Decider, programs: Mapping[str, Program], case: Case) -> Result:
    if case.approver is not None:
        return _run_approval(decider, programs, case, case.approver)
    decision = evaluate(decider, programs, case)
    decided: frozenset[str] = frozenset()
    if decision.record is not None:
        decided = frozenset(name for ids in decision.record.policies.values() for name in ids)
    got = outcome_of(decision)
    failure = ""
    if got != case.expect:
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


def _default(kind: str) -> JsonValue:
    values: dict[str, JsonValue] = {"Bool": False, "Long": 0, "String": "text", "SetOfString": []}
    return values.get(kind, {"__extn": {"fn": "decimal", "arg": "0.0"}})


def _param(field: Input) -> JsonValue:
    if field.enum:
        return field.enum[0]
    values: dict[str, JsonValue] = {"string": "text", "secret": "text", "integer": 1, "boolean": False, "array": []}
    return values[field.type]
