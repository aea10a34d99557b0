"""Requests to people: what is asked, what is shown, what is signed, and when a signature counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from pydantic import BaseModel, ConfigDict

from contracts.canonical import sha256
from contracts.errors import AilyusError
from contracts.expressions import Fault
from contracts.observation import Observation
from contracts.program import ABSENT, Program, lookup
from contracts.request import Caller
from contracts.target import Target
from policies.approval import Bystanders, Rules, SignedApproval, Subject, count, refusal
from policies.decision import ApprovalRequired, Circumstances, Facts, Need
from policies.display import Display, Line
from policies.release import Release
from receipts.action import Action
from receipts.journal import Journal


class Asked(BaseModel):
    """One open request to people, as it stands in the journal and as the command line gets it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: Subject
    display: Display
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Counted:
    """The approvals that count now, or the code of the first that no longer does."""

    approvals: tuple[SignedApproval, ...]
    roles: Mapping[str, int]
    oldest_seconds: int
    void: str | None = None


def asked_now(
    release: Release, action: Action, program: Program, target: Target, before: Observation, required: ApprovalRequired
) -> Asked:
    """What would be asked now: built anew each time, so that any change shows."""
    request = action.request
    base = program.scope(request.params, target.tenant, target.environment)
    scope = {**base, **before.scope("before")}
    display = _display(release, action, program, target, required.facts, scope, required.needs)
    if not display.fits:
        raise AilyusError("too_large", "what is to be approved is too long to be shown whole")
    subject = Subject(
        origin=release.origin,
        tenant=request.tenant,
        action_id=action.id,
        action_digest=request.action_digest,
        contract=request.contract,
        version=request.version,
        contract_digest=request.contract_digest,
        target_digest=request.target_digest,
        routes=tuple(f"http:{r.method}" for r in program.routes),
        resource_type=required.facts.resource_type,
        resource_id=required.facts.resource_id,
        params=dict(request.params),
        agent=request.agent,
        person=request.person,
        slice_digest=required.record.slice_digest,
        schema_digest=required.record.schema_digest,
        needs=required.needs,
        pinned=_pinned(program, required.facts, scope),
        display_digest=display.digest,
    )
    return Asked(subject=subject, display=display, expires_ms=action.expires_ms)


def counted(
    release: Release,
    journal: Journal,
    action: Action,
    now: Subject,
    required_facts: Facts,
    circumstances: Circumstances,
    mine: bool = False,
) -> Counted:
    """Check every approval given for the action against what would be asked now; `mine`: those it used count too."""
    keys = journal.keys()
    good: list[SignedApproval] = []
    bystanders = Bystanders(action.request.person, action.request.owner, release.author)
    rules = Rules(release.development, required_facts.environment, action.request.risk, action.request.boundary)
    for approval in journal.approvals(action.id):
        used = journal.used_by(approval.id)
        spent = used is not None and not (mine and used == action.id)
        code = refusal(approval, now, keys, bystanders, rules, circumstances.now_ms, spent)
        if code is None and not holds_role(release, action, required_facts, circumstances, approval):
            code = "wrong_role"
        if code:
            return Counted((), {}, 0, code)
        good.append(approval)
    roles, oldest = count(good, circumstances.now_ms)
    return Counted(tuple(good), roles, oldest)


def holds_role(
    release: Release, action: Action, facts: Facts, circumstances: Circumstances, approval: SignedApproval
) -> bool:
    """Does Cedar now permit `approve:<contract>` for this approver in this role?"""
    person = release.people.get(approval.binding.approver)
    if person is None:
        return False
    approver = caller_of(person.name, person.tenant, person.roles)
    permits = release.decider.may_approve(
        action.request, action.caller, facts, circumstances, approver, approval.binding.role
    )
    return permits is not None


def caller_of(name: str, tenant: str, roles: frozenset[str]) -> Caller:
    """A person as a principal of their own."""
    return Caller("", tenant, name, name, frozenset(), roles)


def _pinned(program: Program, facts: Facts, scope: Mapping[str, object]) -> dict[str, str]:
    pinned = {path: _value_digest(lookup(path, scope)) for path in program.pinned}
    pinned |= {f"resource.{name}": _value_digest(value) for name, value in facts.attributes.items()}
    for name, value in (facts.asked or {}).items():
        pinned[f"request.{name}"] = _value_digest(value)
    return pinned


def _value_digest(value: object) -> str:
    return "absent" if value is ABSENT else sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def _display(
    release: Release,
    action: Action,
    program: Program,
    target: Target,
    facts: Facts,
    scope: Mapping[str, object],
    needs: Sequence[Need],
) -> Display:
    request = action.request
    says = program.says.text(scope) if program.says else program.contract.title
    if isinstance(says, Fault):
        raise AilyusError("internal", "what will change cannot be said")
    lines = [Line(label="what will change", value=says, origin="source_of_truth")]
    lines.append(
        Line(label="contract", value=f"{request.contract}@{request.version}, risk {request.risk}", origin="contract")
    )
    lines.append(Line(label="where", value=f"{target.name} ({target.environment}, {target.tenant})", origin="gateway"))
    lines.append(
        Line(label="who asked", value=f"{request.person}, through the agent {request.agent}", origin="gateway")
    )
    if facts.asked is not None:
        verified = "yes" if all(facts.asked.values()) else "NO"
        lines.append(Line(label="request verified", value=verified, origin="source_of_truth"))
    if request.reason:
        lines.append(Line(label="reason", value=request.reason, origin="agent"))
    wanted = " or ".join(" and ".join(f"{n} {role}" for role, n in need) for need in needs)
    lines.append(Line(label="why you", value=f"the policies ask for {wanted}", origin="policy"))
    lines.append(Line(label="if wrong", value="it cannot be undone by ailyus", origin="contract"))
    for name, value in request.params.items():
        lines.append(Line(label=f"input {name}", value=_shown(value), origin="caller"))
    for path in program.contract.shows:
        lines.append(Line(label=path, value=_shown(lookup(path, scope)), origin="source_of_truth"))
    return Display(lines=tuple(lines))


def _shown(value: object) -> str:
    if value is ABSENT:
        return "(absent)"
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
