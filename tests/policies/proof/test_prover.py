"""The prover: what permits more is refuted by a request that Cedar confirms, and nothing is guessed."""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.action.target import Target
from contracts.errors import AilyusError
from policies.budget import FILE
from policies.bundle import Bundle, load_bundle
from policies.decider import Decider
from policies.proof.counterexample_document import CounterexampleDocument
from policies.proof.invariant import InvariantText, parse_invariant, read_invariants, shipped_invariants
from policies.proof.prover import Prover
from policies.proof.ruleset import Ruleset
from tests.policies.library import shipped
from tests.policies.making import PROGRAMS
from tests.policies.proof.edits import WIDER, asked, edited, policies_of, rewrites, wider
from tests.policies.proof.making import ENVIRONMENTS, ROLES, programs, rules

# one contract of each kind that an edit is about; the long command asks about all
SOME = (
    "add_group_member", "book_export", "find_okta_user", "post_message", "reset_user_mfa", "rotate_api_key",
    "suspend_user", "unlock_user", "update_ticket", "resync_crm_account",
)  # fmt: skip
TIME = 60_000


@pytest.fixture(scope="module")
def made() -> Bundle:
    return shipped()


@pytest.fixture(scope="module")
def live(made: Bundle) -> Ruleset:
    return Ruleset(Decider(made, PROGRAMS), {name: PROGRAMS[name] for name in SOME if name in PROGRAMS})


def test_edits_that_permit_more_are_refuted(made: Bundle, live: Ruleset) -> None:
    for edit in WIDER[::5]:
        found = asked(wider(made, edit), live)
        assert found.outcome == "refuted", (edit, found)


def test_rewrites_that_change_nothing_are_never_refuted(made: Bundle, live: Ruleset) -> None:
    found = [asked(edited(made, changes), live).outcome for _, changes in list(rewrites(policies_of(made)))[::9]]
    assert len(found) > 5
    assert set(found) <= {"proven", "unknown"}
    assert found.count("proven") >= len(found) - 1


def test_there_are_forty_edits_and_forty_rewrites(made: Bundle) -> None:
    assert len(set(WIDER)) >= 40
    assert len(list(rewrites(policies_of(made)))) >= 40


def test_the_shipped_invariants_are_proven_of_the_bundled_policies(made: Bundle, live: Ruleset) -> None:
    prover = Prover(live, TIME)
    found = [prover.invariant(parse_invariant(text, made)) for text in shipped_invariants()]
    assert [(one.claim, one.outcome) for one in found if one.outcome != "proven"] == []
    assert all(one.about for one in found)


@pytest.mark.parametrize(
    ("policy", "claim"),
    [
        ("tenant-wall", "nothing outside the tenant"),
        ("high-risk-needs-a-guard", "nothing of high risk anywhere without an approval"),
        ("no-writes-in-a-change-freeze", "nothing is written in production during a change freeze"),
        ("open-incident-needs-a-person", "agents leave a record with an open incident alone"),
    ],
)
def test_without_its_policy_an_invariant_is_refuted(made: Bundle, live: Ruleset, policy: str, claim: str) -> None:
    changed = edited(made, {policy: None})
    (text,) = (one for one in shipped_invariants() if one.name == claim)
    found = Prover(replace(live, decider=Decider(changed, PROGRAMS)), TIME).invariant(parse_invariant(text, changed))
    assert found.outcome == "refuted"
    assert found.examples[0].contract in found.says(1)[1]
    for example in found.examples:
        CounterexampleDocument.model_validate(example.document)


def test_a_contract_of_a_lower_risk_and_a_connection_elsewhere_permit_more() -> None:
    policies = """
    @id("all") permit (principal, action, resource);
    @id("prod") forbid (principal, action in Action::"write", resource)
    when { resource.environment == Environment::"prod" } unless { context.approvals.SecurityLead >= 1 };
    """
    bills = Target("bills", "records", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")
    before = replace(rules(policies), targets=(bills,))
    same = Prover(replace(rules(policies), targets=(bills,)), TIME).no_new_access(before)
    assert (same.outcome, same.about) == ("proven", 2)
    moved = Prover(replace(before, targets=(replace(bills, environment="staging"),)), TIME).no_new_access(before)
    assert moved.outcome == "refuted"
    CounterexampleDocument.model_validate(moved.examples[0].document)
    assert (moved.examples[0].connection, moved.examples[0].resource.environment) == ("bills", "staging")
    # another connection beside it reaches what nobody could call
    beside = Prover(replace(before, targets=(bills, replace(bills, name="more"))), TIME).no_new_access(before)
    assert beside.outcome == "refuted"
    assert beside.examples[0].connection == "more"


@pytest.mark.parametrize(
    ("condition", "outcome", "says"),
    [
        ('ip("127.0.0.1").isLoopback()', "unknown", "`ip` has no translation"),
        ("context.params.cents * context.params.cents >= 0", "refuted", "pay_bill"),
        ("context.params.cents < 0", "proven", ""),
        ("resource.total + 1 > resource.total", "refuted", "pay_bill"),
        ('resource.owner like "a*" && !(resource.owner like "*a*")', "proven", ""),
        ('resource.teams.contains("x") && resource.teams.isEmpty()', "proven", ""),
        ('resource.rating.lessThan(decimal("0.5")) && resource.rating.greaterThan(decimal("0.4998"))', "refuted", ""),
        ('context.env.now.toTime() >= duration("24h")', "proven", ""),
    ],
)
def test_what_no_request_or_some_request_can_meet(condition: str, outcome: str, says: str) -> None:
    made = rules(f'@id("some") permit (principal, action == Action::"pay_bill", resource) when {{ {condition} }};')
    text = InvariantText(name="nothing is paid", action="pay_bill", never="true")
    found = Prover(made, TIME).invariant(parse_invariant(text, made.bundle))
    assert found.outcome == outcome, found
    assert says in " ".join(found.says(3))


def test_what_cedar_does_not_confirm_is_unknown(made: Bundle, live: Ruleset) -> None:
    # Cedar refuses every request here, since its schema wants a key of the context that is left out
    stale = replace(edited(made, {"open-incident-needs-a-person": None}), narrow=made.narrow)
    found = asked(stale, live)
    assert found.outcome == "unknown"
    assert "Cedar does not confirm" in found.reasons[0]


def test_when_the_time_is_over_nothing_is_said(made: Bundle, live: Ruleset) -> None:
    found = Prover(live, 0).invariant(parse_invariant(shipped_invariants()[0], made))
    assert (found.outcome, found.examples) == ("unknown", ())
    assert "the time is over" in found.reasons[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {name: a, never: 'true', approvals: 1}", "say one of"),
        ("- {name: a}", "say one of"),
        ("- {name: a, never: 'true'}\n  - {name: a, never: 'true'}", "there twice"),
        ("- {name: a, when: 'true'}", "extra inputs"),
    ],
)
def test_a_file_of_invariants_is_closed(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "invariants.yaml").write_text(f"invariants:\n  {text}\n")
    with pytest.raises(AilyusError, match=says):
        read_invariants(tmp_path / "invariants.yaml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (InvariantText(name="a", environment="prdo", never="true"), "environment `prdo` is not declared"),
        (InvariantText(name="a", never="true }; permit (principal, action, resource) when { true"), "more than one"),
        (InvariantText(name="a", never="resource.nothing"), "nothing"),
        (InvariantText(name="a", action="pay_bil", never="true"), "pay_bil"),
        (InvariantText(name="a", never="1 +"), "does not parse"),
    ],
)
def test_an_invariant_that_cedar_does_not_accept_is_refused(text: InvariantText, says: str) -> None:
    made = rules('@id("all") permit (principal, action, resource);')
    assert "pay_bill" in programs()
    with pytest.raises(AilyusError, match=says) as raised:
        parse_invariant(text, made.bundle)
    assert raised.value.code == "bad_policy"


def budgeted(window: str, limit: int) -> Ruleset:
    policy = f'@id("some") permit (principal, action == Action::"pay_bill", resource)\nwhen {{ context.budget.bills <= {limit} }};'
    budget = f"budgets:\n  - {{name: bills, action: write, window: {window}}}\n"
    made = load_bundle({"a.cedar": policy, FILE: budget}, programs(), ROLES, ENVIRONMENTS)
    return Ruleset(Decider(made, programs()), programs())


def test_a_budget_is_any_count_that_is_not_negative() -> None:
    found = Prover(budgeted("1h", 30), TIME).no_new_access(budgeted("1h", 20))
    assert found.outcome == "refuted"
    assert 20 < found.examples[0].context.budgets["bills"] <= 30
    assert CounterexampleDocument.model_validate(found.examples[0].document).budget
    assert Prover(budgeted("1h", 20), TIME).no_new_access(budgeted("1h", 30)).outcome == "proven"


def test_a_budget_that_counts_otherwise_is_unknown() -> None:
    found = Prover(budgeted("30m", 20), TIME).no_new_access(budgeted("1h", 20))
    assert (found.outcome, "the budget `bills` counts otherwise" in found.reasons[0]) == ("unknown", True)


def test_what_was_seen_is_any_set_and_for_shorter_it_is_unknown() -> None:
    may = '@id("may") permit (principal, action == Action::"pay_bill", resource) unless { %s };'
    saw, never = (may % one for one in ('context.session.saw.contains("read")', "false"))
    seen = rules(saw.replace('"read"', '"write"'))
    found = Prover(rules(never), TIME).no_new_access(seen)
    assert (found.outcome, found.examples[0].context.saw) == ("refuted", frozenset({"write"}))
    assert Prover(seen, TIME).no_new_access(rules(never)).outcome == "proven"
    assert Prover(replace(seen, session_hours=1), TIME).no_new_access(seen).outcome == "unknown"
