"""A recorded decision that another release decides is what that release decides live."""

from dataclasses import replace
from itertools import product

import orjson
import pytest

from contracts.action.request import Caller
from policies.case_situation import NOW_MS
from policies.decision import DecisionContext, Rate
from policies.outcome import ActionOutcome
from policies.release import Release
from policies.simulation import MAX_RECEIPTS, Simulation
from tests.policies.edited_releases import BEFORE, EDITS, Kept
from tests.policies.making import facts, request
from tests.policies.small_world import BASE, OKTA, release

CONTEXTS = (
    DecisionContext(NOW_MS),
    DecisionContext(NOW_MS, rate=Rate(last_hour=5)),
    DecisionContext(NOW_MS, change_freeze=True),
)
APPROVALS = (({}, 0), ({"SecurityLead": 1}, 0), ({"SecurityLead": 1}, 901))
CALLERS = [
    Caller("bot", tenant, "ann", "ann", frozenset(roles), frozenset(roles))
    for tenant in ("acme", "another")
    for roles in ((), ("Support",), ("SecurityLead",))
]


@pytest.mark.parametrize("name", EDITS)
def test_flips_are_those_of_deciding_live(name: str) -> None:
    after = EDITS[name]
    simulation, flips = Simulation(BEFORE, after), 0
    for action, caller, context, (approvals, age) in product(
        ("suspend_user", "unlock_user"), CALLERS, CONTEXTS, APPROVALS
    ):
        outcomes, kept = [], None
        for side in (BEFORE, after):
            known = facts(action, environment=side.targets["okta"].environment)
            decision = side.decider.decide(request(action), caller, known, context, approvals, age)
            outcomes.append(ActionOutcome.of(decision))
            if side is BEFORE and decision.record is not None:
                kept = Kept("rcp_1", "okta", decision.record.requests, decision.record.entities)
        assert kept is not None
        tally = simulation.of([kept])
        assert (tally.unfit, tally.unplaced) == (0, 0)
        found = [(kind.before, kind.after) for kind in tally.flips]
        assert found == ([(outcomes[0].says, outcomes[1].says)] if outcomes[0] != outcomes[1] else [])
        flips += len(found)
    assert flips


def early(action: str, caller: Caller, side: Release = BEFORE) -> Kept:
    denied = side.decider.denied_early(action, caller, OKTA)
    assert denied is not None
    assert denied.record is not None
    return Kept("rcp_early", "okta", denied.record.requests, denied.record.entities)


def test_an_early_denial_that_would_not_be_one_depends_on_the_record() -> None:
    lead = next(caller for caller in CALLERS if caller.person_roles == {"SecurityLead"} and caller.tenant == "acme")
    kept = early("unlock_user", lead)
    tally = Simulation(BEFORE, EDITS["leads may write"]).of([kept])
    ((kind, flips),) = tally.flips.items()
    assert (kind.kind, kind.before, kind.after) == ("wider", "denied", "depends on the record")
    assert (flips.count, flips.receipts, tally.wider) == (1, ["rcp_early"], 1)
    # without its connection nobody knows the tenant and the environment
    tally = Simulation(BEFORE, EDITS["leads may write"]).of([replace(kept, connection="")])
    assert (tally.unplaced, tally.flips) == (1, {})


def test_what_no_longer_fits_is_counted_and_never_dropped() -> None:
    kept = early("unlock_user", CALLERS[0])
    broken = [replace(kept, requests=b"[]"), replace(kept, requests=b"{"), replace(kept, entities=b"[]")]
    gone = orjson.dumps([{**one, "action": 'Action::"no_such"'} for one in orjson.loads(kept.requests)])
    tally = Simulation(BEFORE, EDITS["leads may write"]).of([*broken, replace(kept, requests=gone)])
    assert tally.unfit + tally.same == 4
    assert tally.unfit >= 3


def test_receipts_behind_a_flip_are_bounded_and_their_number_is_whole() -> None:
    lead = next(caller for caller in CALLERS if caller.person_roles == {"SecurityLead"} and caller.tenant == "acme")
    kept = early("unlock_user", lead)
    tally = Simulation(BEFORE, EDITS["leads may write"]).of(replace(kept, receipt=f"rcp_{n}") for n in range(50))
    (flips,) = tally.flips.values()
    assert (flips.count, len(flips.receipts), tally.decided) == (50, MAX_RECEIPTS, 50)


def kept_of(side: Release, action: str = "unlock_user", context: DecisionContext = CONTEXTS[0]) -> Kept:
    record = side.decider.decide(request(action), CALLERS[1], facts(action), context, {}, 0).record  # type: ignore[union-attr] # it is decided
    assert record is not None
    return Kept("rcp_1", "okta", record.requests, record.entities)


def test_a_record_of_before_there_were_names_clocks_and_incidents_is_decided_again() -> None:
    kept = kept_of(BEFORE)
    requests, entities = orjson.loads(kept.requests), orjson.loads(kept.entities)
    for one in requests:
        for name in ("incident", "weekday", "localTime"):
            del one["context"]["env"][name]
    for one in entities[:2]:
        one["attrs"] = {"tenant": one["attrs"]["tenant"]}
    old = replace(kept, requests=orjson.dumps(requests), entities=orjson.dumps(entities))
    edits = (
        'when { principal.name == "ann" }',
        'when { principal.subject == "ann" && !principal.onCall }',
        "when { !context.env.incident && context.env.weekday == 1 }",
    )
    for edit in edits:
        forbid = f'@id("edit") forbid (principal is Person, action in Action::"write", resource) {edit};'
        tally = Simulation(BEFORE, release(BASE + forbid)).of([old])
        assert (tally.unfit, [flip.after for flip in tally.flips]) == (0, ["denied"]), edit


def test_the_same_hours_by_other_clocks_flip() -> None:
    hours = (
        BASE + '@id("hours") forbid (principal, action, resource) unless { context.env.localTime < duration("20h") };'
    )
    sides = [replace(release(hours), time_zone=zone) for zone in ("UTC", "Pacific/Honolulu")]
    tally = Simulation(*sides).of([kept_of(sides[0])])
    assert [flip.after for flip in tally.flips] == ["denied"]


BUDGET = "budgets:\n  - {name: unlocks, action: unlock_user, window: 1h}\n"
FEW = (
    '@id("few") forbid (principal, action == Action::"unlock_user", resource) when { context.budget.unlocks > LIMIT };'
)


def test_what_was_counted_is_compared_and_what_was_not_is_not_guessed() -> None:
    some, fewer = (release(BASE + FEW.replace("LIMIT", limit), budgets=BUDGET) for limit in ("20", "5"))
    kept = kept_of(some, context=DecisionContext(NOW_MS, budgets={"unlocks": 7}))
    assert [flip.after for flip in Simulation(some, fewer).of([kept]).flips] == ["denied"]
    # nobody counted before there was a budget, nor by another window
    assert Simulation(BEFORE, fewer).of([kept_of(BEFORE)]).unfit == 1
    longer = release(BASE + FEW.replace("LIMIT", "20"), budgets=BUDGET.replace("1h", "2h"))
    assert Simulation(some, longer).of([kept]).unfit == 1
    # a denial for another reason depends on no count
    frozen = kept_of(BEFORE, context=CONTEXTS[2])
    assert Simulation(BEFORE, fewer).of([frozen]).same == 1


def test_what_nobody_looked_up_is_not_guessed() -> None:
    forbid = '@id("first") forbid (principal, action == Action::"unlock_user", resource) %s;'
    first = release(BASE + forbid % 'unless { context.session.saw.contains("get_user") }')
    assert Simulation(BEFORE, first).of([kept_of(BEFORE)]).unfit == 1
    kept = kept_of(first, context=DecisionContext(NOW_MS, saw=frozenset({"get_user"})))
    after = release(BASE + forbid % 'when { context.session.saw.contains("get_user") }')
    assert [flip.after for flip in Simulation(first, after).of([kept]).flips] == ["denied"]


def test_an_early_denial_by_a_full_budget_is_decided_again_with_its_count() -> None:
    some, fewer = (release(BASE + FEW.replace("LIMIT", limit), budgets=BUDGET) for limit in ("20", "5"))
    denied = fewer.decider.denied_by_budget("unlock_user", CALLERS[1], fewer.targets["okta"], {"unlocks": 7})
    assert denied is not None
    assert denied.record is not None
    kept = Kept("rcp_1", "okta", denied.record.requests, denied.record.entities)
    (flip,) = Simulation(fewer, some).of([kept]).flips
    assert (flip.kind, flip.before, flip.after) == ("wider", "denied", "depends on the record")
    # what the other release counts otherwise is not known, nor where there is no budget
    longer = release(BASE + FEW.replace("LIMIT", "5"), budgets=BUDGET.replace("1h", "2h"))
    assert Simulation(fewer, longer).of([kept]).same == 1
