"""Requests to people: what is asked, what is shown, what is signed, and when a signature counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Required, TypedDict, Unpack

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest, Caller
from contracts.canonical import sha256
from contracts.compiler.check import ABSENT, lookup
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.hiding import Hiding
from policies.approval import ExcludedApprovers, KeyRules, SignedApproval, Subject, approval_fault, count_by_role
from policies.approval_document import Display, Line
from policies.approval_requirement import ApprovalRequirement
from policies.decision import ApprovalRequired, DecisionContext, Permitted, ResourceFacts
from policies.principal import Key
from policies.release import Release
from receipts.action.action import Action
from receipts.journal.journal import Journal
from server.execution.decisions import NO_APPROVALS, ApprovalCount
from server.execution.resolved_action import ResolvedAction
from server.results.description import shown, shows_of, told_of


class ApprovalRequest(BaseModel):
    """One open request to people, as it stands in the journal and as the command line gets it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: Subject
    display: Display
    expires_ms: int


@dataclass(frozen=True, slots=True)
class ValidApprovals:
    """The approvals that count now, or the code of the first that no longer does."""

    approvals: tuple[SignedApproval, ...]
    count: ApprovalCount
    void: str | None = None


@dataclass(frozen=True, slots=True)
class ReviewedRequest:
    """One request that people's word is for: an action, or one step of a plan."""

    request: ActionRequest
    facts: ResourceFacts
    decision_context: DecisionContext
    needs: tuple[ApprovalRequirement, ...]


@dataclass(frozen=True, slots=True)
class ApprovalReview:
    """What would be asked now, and every request that an approval of it would let go."""

    asked: ApprovalRequest
    parts: tuple[ReviewedRequest, ...]

    def permits(self, release: Release, caller: Caller, count_by_role: ApprovalCount) -> bool:
        """Does Cedar permit every part with these approvals?"""
        decide, roles, oldest = release.decider.decide, count_by_role.roles, count_by_role.oldest_seconds
        return all(
            isinstance(decide(p.request, caller, p.facts, p.decision_context, roles, oldest), Permitted)
            for p in self.parts
        )


def build_approval_request(
    release: Release,
    resolved: ResolvedAction,
    before: Observation,
    required: ApprovalRequired,
    undo: str,
    hiding: Hiding,
) -> ApprovalRequest:
    """What would be asked now: built anew each time, so that any change shows."""
    action, program, scope = resolved.action, resolved.program, resolved.scope(before)
    display = _display(resolved, required, scope, undo)
    if not display.fits:
        raise AilyusError("too_large", "what is to be approved is too long to be shown whole")
    subject = subject_of(
        release,
        action,
        routes=tuple(r.said for r in program.routes),
        resource_type=required.facts.resource_type,
        resource_id=required.facts.resource_id,
        slice_digest=required.record.slice_digest,
        needs=required.needs,
        pinned=pinned(program, required.facts, scope, hiding),
        display_digest=display.digest,
    )
    return ApprovalRequest(subject=subject, display=display, expires_ms=action.expires_ms)


class Own(TypedDict, total=False):
    """What a single action and a plan say of themselves in a subject."""

    routes: Required[tuple[str, ...]]
    resource_type: Required[str]
    resource_id: Required[str]
    slice_digest: Required[str]
    needs: Required[tuple[ApprovalRequirement, ...]]
    pinned: Required[dict[str, str]]
    display_digest: Required[str]
    plan_digest: str


def subject_of(release: Release, action: Action, **own: Unpack[Own]) -> Subject:
    """What an approval is bound to."""
    request = action.request
    return Subject(
        origin=release.origin,
        tenant=request.tenant,
        action_id=action.id,
        action_digest=request.action_digest,
        contract=request.contract,
        version=request.version,
        contract_digest=request.contract_digest,
        target_digest=request.target_digest,
        params=dict(request.params),
        agent=request.agent,
        person=request.person,
        schema_digest=release.decider.bundle.schema_digest,
        **own,
    )


async def valid_approvals(
    release: Release, journal: Journal, action: Action, review: ApprovalReview, include_used: bool = False
) -> ValidApprovals:
    """Check every approval given for the action against what would be asked now; `include_used`: those
    that this action used count too."""
    keys, now_ms = await journal.registry.keys(), journal.store.now_ms()
    authors = await journal.registry.authors(release.digest)
    good: list[SignedApproval] = []
    for approval in await journal.approvals(action.id):
        used = await journal.used_by(approval.id)
        spent = used is not None and not (include_used and used == action.id)
        held = await current_roles(release, journal, approval.binding.approver)
        code = approval_error(release, action, review, approval, Circumstance(keys, now_ms, held, authors, spent))
        if code:
            return ValidApprovals((), NO_APPROVALS, code)
        good.append(approval)
    return ValidApprovals(tuple(good), ApprovalCount(*count_by_role(good, now_ms)))


@dataclass(frozen=True, slots=True)
class Circumstance:
    """What a signed decision is checked against beside its request.

    `held`: the roles that its approver has now; `authors`: everybody who ever released this very set; `spent`: an
    intent used it already.
    """

    keys: Mapping[str, Key]
    now_ms: int
    held: frozenset[str]
    authors: frozenset[str]
    spent: bool = False


def approval_error(
    release: Release, action: Action, review: ApprovalReview, approval: SignedApproval, now: Circumstance
) -> str | None:
    """The code why a signed decision does not count now, or None."""
    request = action.request
    bystanders = ExcludedApprovers(request.person, request.owner, release.author, now.authors)
    rules = KeyRules(release.development, request.risk, request.boundary)
    code = approval_fault(approval, review.asked.subject, now.keys, bystanders, rules, now.now_ms, now.spent)
    if code is None and not _holds_role(release, action, review, approval, now.held):
        code = "wrong_role"
    return code


async def current_roles(release: Release, journal: Journal, name: str) -> frozenset[str]:
    """The roles that a person has now; what an identity provider says is not older than 15 minutes."""
    person = release.people.get(name)
    return await journal.roles.fresh(person) if person else frozenset()


def _holds_role(
    release: Release, action: Action, review: ApprovalReview, approval: SignedApproval, held: frozenset[str]
) -> bool:
    """Does Cedar now permit `approve:<contract>` for this approver in this role, for every part that asks for it?"""
    person, role = release.people.get(approval.binding.approver), approval.binding.role
    asking = [p for p in review.parts if any(r == role for need in p.needs for r, _ in need)]
    if person is None or not asking:
        return False
    approver = caller_of(person.name, person.tenant, held)
    return all(
        release.decider.may_approve(p.request, action.caller, p.facts, p.decision_context, approver, role) is not None
        for p in asking
    )


def caller_of(name: str, tenant: str, roles: frozenset[str]) -> Caller:
    """A person as a principal of their own."""
    return Caller("", tenant, name, name, frozenset(), roles)


def pinned(program: Program, facts: ResourceFacts, scope: Mapping[str, object], hiding: Hiding) -> dict[str, str]:
    """Digests of everything about the state that an approval is bound to, by path; keyed where a secret passes."""
    found = {path: value_digest(_pinned(program, lookup(path, scope), hiding)) for path in program.pinned}
    found |= {f"resource.{name}": value_digest(value) for name, value in facts.attributes.items()}
    for name, value in (facts.asked or {}).items():
        found[f"request.{name}"] = value_digest(value)
    return found


def _pinned(program: Program, value: object, hiding: Hiding) -> object:
    return hiding.all(value) if program.secretive and value is not ABSENT else value  # type: ignore[arg-type]  # JSON


def value_digest(value: object) -> str:
    """A value as pins know it."""
    return "absent" if value is ABSENT else sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def _display(resolved: ResolvedAction, required: ApprovalRequired, scope: Mapping[str, object], undo: str) -> Display:
    request, program, target = resolved.request, resolved.program, resolved.target
    facts, needs = required.facts, required.needs
    said = told_of(program, scope)
    lines = [Line(label="what will change", value=said[0], origin="contract")]
    lines += apart("", said[1], request.params)
    lines.append(
        Line(label="contract", value=f"{request.contract}@{request.version}, risk {request.risk}", origin="contract")
    )
    lines.append(Line(label="where", value=f"{target.name} ({target.environment}, {target.tenant})", origin="gateway"))
    lines.append(
        Line(label="who asked", value=f"{request.person}, through the agent {request.agent}", origin="gateway")
    )
    if facts.asked is not None:
        verified = "yes" if all(facts.asked.values()) else "NO"
        lines.append(Line(label="request verified", value=verified, origin="gateway"))
    if request.reason:
        lines.append(Line(label="reason", value=request.reason, origin="agent"))
    wanted = " or ".join(" and ".join(f"{n} {role}" for role, n in need) for need in needs)
    asking = ", ".join(sorted({policy for ids in required.record.policies.values() for policy in ids}))
    lines.append(Line(label="why you", value=f"{asking}: {wanted} must approve", origin="policy"))
    lines.append(Line(label="if wrong", value=undo, origin="contract"))
    for name, value in request.params.items():
        lines.append(Line(label=f"input {name}", value=shown(value), origin="caller"))
    for path, value in shows_of(program, scope).items():
        lines.append(Line(label=path, value=str(value), origin="source_of_truth"))
    return Display(lines=tuple(lines))


def apart(prefix: str, values: Sequence[str], params: Mapping[str, JsonValue]) -> list[Line]:
    """What a sentence of ours leaves apart, on lines of its own: the words of the record, or of the caller."""
    return [
        Line(label=f"{prefix}[{n}]", value=value, origin="caller" if value in params.values() else "source_of_truth")
        for n, value in enumerate(values, 1)
    ]


def needs_of(needs: Sequence[ApprovalRequirement]) -> tuple[dict[str, int], ...]:
    """Needs as they stand in a statement."""
    return tuple(dict(need) for need in needs)
