"""The run of policy tests: each case through the decider that decides in production."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from contracts.action.request import Caller
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.approval_requirement import ApprovalRequirement
from policies.case import Case, CaseRelease, Every, Who
from policies.case_fault import fault_of, group_names
from policies.case_situation import context_of, people_of, roles_of, situation_of
from policies.decider import Decider
from policies.decision import ApprovalRequired, Decision
from policies.explanation import outcome_of
from policies.release_policy import ReleaseRequest
from policies.schema import membership
from policies.vacuous_case import vacuity_of


@dataclass(frozen=True, slots=True)
class Result:
    """One case and why it failed ('' when it passed), with the policy ids that decided.

    `by_principal` are these ids for each who asked: the agent and the person, else the approver.
    """

    case: Case
    failure: str
    decided: frozenset[str]
    by_principal: tuple[frozenset[str], ...] = ()


def run_tests(decider: Decider, programs: Mapping[str, Program], cases: Iterable[Case]) -> list[Result]:
    """Run every case through the decider that decides in production, each of a group's contracts apart.

    A case that names what does not exist (a role, an attribute, a policy) fails, whatever it expects; and so does one
    that proves nothing (`vacuous_case.py`).
    """
    results: list[Result] = []
    for case in cases:
        # a group that matches nothing would pass without a decision
        if isinstance(case.action, Every) and case.action.every not in group_names(programs):
            results.append(Result(case, f"there is no group `{case.action.every}`", frozenset()))
        own = [_run(decider, programs, one) for one in each(decider, programs, case)]
        # a case about a group proves something if it does so for one contract of it
        if own and not any(one.failure or one.decided for one in own):
            faults = [vacuity_of(decider.bundle, one.case) for one in own]
            own[0] = replace(own[0], failure=faults[0]) if all(faults) else own[0]
        results.extend(own)
    return results


def each(decider: Decider, programs: Mapping[str, Program], case: Case) -> Iterator[Case]:
    """The cases that one stands for: each contract of its group, at each environment."""
    if case.release is not None:
        yield case
        return
    group = case.action.every if isinstance(case.action, Every) else ""
    names = sorted(n for n, p in programs.items() if group in membership(p)) if group else [str(case.action)]
    environment = case.resource.environment
    # every declared environment, so that a new one is tested without a new case
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
    bundle = decider.bundle
    return sorted({*bundle.releases.nodes, *(name for s in bundle.slices.values() for name in s.nodes)} - covered)


def evaluate(decider: Decider, programs: Mapping[str, Program], case: Case) -> Decision:
    """Decide one case. Raises `AilyusError` `bad_policy` for what the case names and does not exist."""
    if fault := fault_of(decider, programs, case):
        raise AilyusError("bad_policy", fault, hint="correct the name; `ailyus.toml` and the contract say what exists")
    return _decided(decider, programs, case)


def _run_approval(decider: Decider, programs: Mapping[str, Program], case: Case, approver: Who) -> Result:
    request, caller, facts = situation_of(decider, programs, case)
    name = approver.name or "approver"
    person = Caller("", approver.tenant, name, name, frozenset(), roles_of(decider, approver))
    people = people_of(case, caller, person.person)
    context = context_of(case, decider)
    permits = decider.among(people).may_approve(request, caller, facts, context, person, case.role or "")
    got = "may_not_approve" if permits is None else "may_approve"
    decided = permits or frozenset()
    failure = "" if got == case.expect else f"expected {case.expect}, got {got}"
    if not failure and not set(case.because) <= decided:
        failure = f"expected {', '.join(case.because)} to decide, got {', '.join(sorted(decided)) or 'no policy'}"
    return Result(case, failure, decided, (decided,))


def _run_release(decider: Decider, case: Case, change: CaseRelease) -> Result:
    request = ReleaseRequest(
        case.person.name or "author",
        case.person.tenant,
        roles_of(decider, case.person),
        "origin",
        change.risk,
        change.widens,
        change.rollback,
        frozenset(change.parts),
        case.change_freeze,
        context_of(case, decider).now_ms,
    )
    decision = decider.bundle.releases.decide(request, case.approvals, case.oldest_seconds)
    got = "permitted" if decision.permitted else "approval_required" if decision.needs else "denied"
    return _compared(case, got, (frozenset(decision.policies),), decision.needs)


def _run(decider: Decider, programs: Mapping[str, Program], case: Case) -> Result:
    if fault := fault_of(decider, programs, case):
        return Result(case, fault, frozenset())
    return run_case(decider, programs, case)


def run_case(decider: Decider, programs: Mapping[str, Program], case: Case) -> Result:
    """Run one case about one contract, of which `fault_of` has found that all exists that it names."""
    if case.release is not None:
        return _run_release(decider, case, case.release)
    if case.approver is not None:
        return _run_approval(decider, programs, case, case.approver)
    decision = _decided(decider, programs, case)
    own: tuple[frozenset[str], ...] = ()
    if decision.record is not None:
        own = tuple(frozenset(ids) for ids in decision.record.policies.values())
    needs = decision.needs if isinstance(decision, ApprovalRequired) else ()
    return _compared(case, outcome_of(decision), own, needs)


def _decided(decider: Decider, programs: Mapping[str, Program], case: Case) -> Decision:
    request, caller, facts = situation_of(decider, programs, case)
    people, context = people_of(case, caller), context_of(case, decider)
    return decider.among(people).decide(request, caller, facts, context, case.approvals, case.oldest_seconds)


def _compared(case: Case, got: str, own: tuple[frozenset[str], ...], needs: Iterable[ApprovalRequirement]) -> Result:
    decided = frozenset(name for ids in own for name in ids)
    failure = ""
    # not permitted is denied or asked for: both hold it back
    if case.expect not in (got, *(["not_permitted"] if got != "permitted" else [])):
        failure = f"expected {case.expect}, got {got} by {', '.join(sorted(decided)) or 'no policy'}"
    elif case.need is not None and case.need not in (found := [dict(need) for need in needs]):
        failure = f"expected the need {case.need}, got {found}"
    if not failure and not set(case.because) <= decided:
        failure = f"expected {', '.join(case.because)} to decide, got {', '.join(sorted(decided)) or 'no policy'}"
    return Result(case, failure, decided, own)
