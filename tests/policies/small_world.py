"""A release of three contracts and six policies: small enough to be looked at by brute force."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from contracts.action.request import Caller
from contracts.action.target import Target
from contracts.compiler.catalog import load_catalog
from contracts.errors import AilyusError
from policies.budget import FILE
from policies.candidate import Candidate
from policies.case_situation import NOW_MS
from policies.decision import DecisionContext, Rate
from policies.mutation import MutantNames, mutants_of
from policies.outcome import ActionOutcome
from policies.outcome_diff import outcome_changes
from policies.policy_position import policy_texts
from policies.principal import People
from policies.release import Release
from tests.policies.making import facts, request
from tests.world import ROOT

ACTIONS = ("get_user", "suspend_user", "unlock_user")
CATALOG = load_catalog(ROOT / "contracts" / "library")
SMALL = replace(CATALOG, programs={name: CATALOG.programs[name] for name in ACTIONS}, plans={})
OKTA = Target("okta", "okta", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")
ROLES = ("Support", "SecurityLead")
ENVIRONMENTS = ("prod", "staging")
SUSPEND = 'action == Action::"suspend_user"'
BASE = f"""
@id("may") permit (principal in Role::"Support", action, resource);
@id("lead-may") permit (principal in Role::"SecurityLead", action in Action::"read", resource);
@id("wall") forbid (principal, action, resource) unless {{ principal.tenant == resource.tenant }};
@id("guard") forbid (principal, {SUSPEND}, resource) when {{ resource.environment == Environment::"prod" }}
unless {{ context.approvals.SecurityLead >= 1 && context.approvals.oldestSeconds <= 900 }};
@id("limit") forbid (principal is Agent, action in Action::"write", resource) when {{ context.rate.lastHour >= 10 }};
@id("freeze") forbid (principal, action in Action::"write", resource) when {{ context.env.changeFreeze }};
"""


def release(text: str, *, target: Target = OKTA, risk: str = "", budgets: str = "") -> Release:
    catalog = SMALL
    if risk:
        program = SMALL.programs["suspend_user"]
        contract = program.contract.model_copy(update={"risk": risk})
        catalog = replace(SMALL, programs={**SMALL.programs, "suspend_user": replace(program, contract=contract)})
    texts = {"a.cedar": text} | ({FILE: budgets} if budgets else {})
    candidate = Candidate(catalog, texts, {target.name: target}, People({}), ROLES, origin="o")
    return Release.build(candidate)


def found(before: Release, after: Release) -> set[str]:
    """The outcomes that `policy diff` finds changed, but for who may approve."""
    changes = (one for one in outcome_changes(before, after).changes if not one.action.startswith("approve:"))
    return {f"{one.action}: {one.before.says} → {one.after.says}" for one in changes}


Decided = Sequence[tuple[str, ActionOutcome]]
"""The outcome of every situation of the small world, with its action."""


def by_brute_force(before: Decided, after: Decided) -> set[str]:
    """The same by deciding every situation: none of them is made of what policies say."""
    both = zip(before, after, strict=True)
    return {f"{action}: {one.says} → {other.says}" for (action, one), (_, other) in both if one != other}


def decided(side: Release) -> Decided:
    """The outcome of every situation of the small world."""
    contexts = [DecisionContext(NOW_MS, rate=Rate(last_hour=hour)) for hour in (0, 9, 10, 11)]
    contexts.append(DecisionContext(NOW_MS, change_freeze=True))
    roles = (frozenset[str](), frozenset({"Support"}), frozenset({"SecurityLead"}), frozenset(ROLES))
    approvals = [("SecurityLead", *some) for some in ((0, 0), (1, 0), (1, 900), (1, 901), (1, 1801), (2, 0))]
    approvals.append(("Support", 1, 0))
    outcomes = []
    for action, held, environment, tenant, (approver, count, age), context in product(
        ACTIONS, roles, ENVIRONMENTS, ("acme", "globex"), approvals, contexts
    ):
        caller, known = Caller("bot", tenant, "ann", "ann", held, held), facts(action, environment=environment)
        decision = side.decider.decide(request(action), caller, known, context, {approver: count}, age)
        outcomes.append((action, ActionOutcome.of(decision)))
    return outcomes


def mutants() -> Iterator[tuple[str, Release]]:
    """Every single mistake in the small world's policies: what it is, and the release with it."""
    texts = {written.id: written.source for written in policy_texts("a.cedar", BASE)}
    for mutant in mutants_of({"a.cedar": BASE}, MutantNames.of(ROLES, ENVIRONMENTS)):
        changed = {**texts, mutant.policy: mutant.source}
        try:
            yield f"{mutant.policy}: {mutant.says}", release("\n".join(changed.values()))
        except AilyusError:
            continue  # what does not load is nobody's outcome
