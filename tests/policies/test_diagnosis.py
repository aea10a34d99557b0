"""A diagnosis names the part of a policy that fails, the single changes that turn it, and who could approve."""

from policies.case import Case, What, Who
from policies.decider import Decider
from policies.diagnosis import Diagnosis, diagnosis_of, with_givers
from policies.principal import Person
from tests.policies.making import PROGRAMS, bundle

SUPPORT = '@id("support") permit (principal in Role::"Support", action, resource);'
LEADS = '@id("leads") permit (principal is Person, action == Action::"approve:suspend_user", resource) when { context.role == Role::"SecurityLead" };'
GUARD = """
@id("guard") forbid (principal, action == Action::"suspend_user", resource)
when { resource.environment == Environment::"prod" && context.repeat > 1 }
unless { context.approvals.SecurityLead >= 1 && context.approvals.oldestSeconds <= 900 };
"""
MADE = Decider(bundle(SUPPORT, LEADS, GUARD), PROGRAMS)
BOTH = Who(roles=("Support",))


def case(**values: object) -> Case:
    said = {"agent": BOTH, "person": BOTH, "expect": "permitted", **values}
    return Case.model_validate({"name": "c", "action": "suspend_user", **said})


def told(found: Diagnosis, who: str = "agent") -> dict[str, str]:
    return {one.policy: one.failing for one in found.verdicts if who in one.who}


def test_the_first_part_that_fails_is_named() -> None:
    assert told(diagnosis_of(MADE, PROGRAMS, case())) == {"support": "", "guard": "`context.repeat > 1` is not so"}
    staging = case(resource=What(environment="staging"), repeat=5)
    assert told(diagnosis_of(MADE, PROGRAMS, staging))["guard"].startswith("`resource.environment ==")
    lifted = diagnosis_of(MADE, PROGRAMS, case(repeat=5, approvals={"SecurityLead": 1}))
    lead = "`context.approvals.SecurityLead >= 1 && context.approvals.oldestSeconds <= 900` is so"
    assert told(lifted) == {"support": "", "guard": lead}
    # one line where it is the same for both
    assert [one.who for one in lifted.verdicts] == ["agent and person", "agent and person"]
    nobody = diagnosis_of(MADE, PROGRAMS, case(agent=Who()))
    assert told(nobody)["support"] == "the policy is about others"
    assert told(nobody, "person")["support"] == ""


def test_a_single_change_that_turns_it_is_named_with_its_outcome() -> None:
    denied = diagnosis_of(MADE, PROGRAMS, case(agent=Who()))
    assert [one.says for one in denied.flips] == ["with the role Support of agent: permitted"]
    asked = diagnosis_of(MADE, PROGRAMS, case(repeat=5))
    assert asked.outcome.says == "asks 1 SecurityLead"
    assert [one.says for one in asked.flips] == [
        'with `resource.environment: "staging"`: permitted', "with `repeat: 1`: permitted",
    ]  # fmt: skip
    # neither alone would do
    both = diagnosis_of(MADE, PROGRAMS, case(agent=Who(), person=Who()))
    assert [one.says for one in both.flips] == ["with the role Support of agent and person: permitted"]


def test_who_could_approve_is_named_in_their_role() -> None:
    one = case(repeat=5)
    people = [
        (Person(name, "", name, tenant, frozenset(), ), roles)
        for name, tenant, roles in (
            ("lea", "acme", frozenset({"SecurityLead", "Support"})), ("sue", "acme", frozenset({"Support"})),
        )
    ]  # fmt: skip
    found = with_givers(diagnosis_of(MADE, PROGRAMS, one), MADE, PROGRAMS, one, people)
    assert [(giver.person, giver.role) for giver in found.givers] == [("lea", "SecurityLead")]
    assert found.lines[-1] == "could approve: `lea` as SecurityLead"


def test_nothing_is_told_of_a_policy_that_may_not_be_shown() -> None:
    hidden = diagnosis_of(MADE, PROGRAMS, case(repeat=5), shown={"support"})
    assert {one.policy for one in hidden.verdicts} == {"support"}
    assert not [one for one in hidden.flips if "repeat" in one.change]
