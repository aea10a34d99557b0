"""What policies know of people and of the local time, and that nothing of it is kept from an earlier release."""

from dataclasses import replace

import pytest

from contracts.action.target import Target
from contracts.compiler.catalog import Catalog
from contracts.errors import AilyusError
from policies.candidate import Candidate
from policies.case import Case, What, Who
from policies.decider import Decider
from policies.decision import Denied
from policies.principal import People, Person, PersonAttributes
from policies.release import Release
from policies.schema import generate_schema, meaning
from policies.testing import run_tests
from server.workspace.release_settings import ReleaseSettings
from tests.policies.making import CALLER, PERMIT, PROGRAMS, ROLES, bundle

OKTA = Target("okta", "okta", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")
CATALOG = Catalog(PROGRAMS, {}, {})
APPROVERS = """
@id("other-team") permit (principal in Role::"SecurityLead", action in Action::"approve", resource)
when { context.role == Role::"SecurityLead" && principal has team && context.requester has team
  && principal.team != context.requester.team };
"""
SUPPORT = Who(roles=("Support",), team="desk")


def failures(policies: str, *cases: Case) -> list[str]:
    return [
        one.failure for one in run_tests(Decider(bundle(PERMIT, policies), PROGRAMS), PROGRAMS, cases) if one.failure
    ]


@pytest.mark.parametrize(
    ("team", "expected"), [("finance", "may_approve"), ("desk", "may_not_approve"), ("", "may_not_approve")]
)
def test_nobody_of_the_requesters_team_approves(team: str, expected: str) -> None:
    made = Decider(bundle(APPROVERS), PROGRAMS)
    approver = Who(roles=("SecurityLead",), team=team)
    case = Case.model_validate(
        {"name": "a", "action": "suspend_user", "person": SUPPORT, "approver": approver, "role": "SecurityLead",
         "expect": expected}
    )  # fmt: skip
    assert [one.failure for one in run_tests(made, PROGRAMS, [case])] == [""]


def test_a_person_is_known_by_employment_region_manager_and_duty() -> None:
    policies = """
    @id("contractors") forbid (principal is Person, action in Action::"write", resource)
    when { principal has employment && principal.employment == "contractor" };
    @id("duty") forbid (principal is Person, action in Action::"write", resource) unless { principal.onCall };
    @id("agents") forbid (principal is Agent, action in Action::"write", resource)
    unless { principal.name == "agent" && context.person.name == "person" && context.person.subject == "00u" };
    """
    person = Who(roles=("Support",), on_call=True, subject="00u")
    case = Case(name="a", action="unlock_user", agent=SUPPORT, person=person, expect="permitted")
    contractor = person.model_copy(update={"employment": "contractor"})
    assert not failures(
        policies,
        case,
        case.model_copy(update={"person": contractor, "expect": "denied", "because": ("contractors",)}),
        case.model_copy(
            update={"person": person.model_copy(update={"on_call": False}), "expect": "denied", "because": ("duty",)}
        ),
        case.model_copy(
            update={"person": person.model_copy(update={"subject": ""}), "expect": "denied", "because": ("agents",)}
        ),
    )


@pytest.mark.parametrize(
    ("zone", "expected"),
    # tests decide at 09:20 UTC on a Monday; in Honolulu it is 23:20 on Sunday
    [
        ("UTC", "permitted"),
        ("Europe/Berlin", "permitted"),
        ("Pacific/Honolulu", "denied"),
        ("Asia/Kolkata", "permitted"),
    ],
)
def test_hours_and_days_are_those_of_the_time_zone(zone: str, expected: str) -> None:
    policies = """
    @id("hours") forbid (principal, action in Action::"write", resource)
    unless { context.env.weekday <= 5 && context.env.localTime >= duration("9h") && context.env.localTime < duration("17h") };
    """
    case = Case.model_validate(
        {
            "name": "a",
            "action": "unlock_user",
            "agent": SUPPORT,
            "person": SUPPORT,
            "time_zone": zone,
            "expect": expected,
        }
    )
    assert not failures(policies, case)


def test_an_incident_is_a_switch_of_the_settings() -> None:
    policies = '@id("calm") forbid (principal, action in Action::"write", resource) when { context.env.incident };'
    case = Case(
        name="a", action="unlock_user", agent=SUPPORT, person=SUPPORT, resource=What(), incident=True, expect="denied"
    )
    assert not failures(policies, case, case.model_copy(update={"incident": False, "expect": "permitted"}))


def test_the_schema_means_what_it_meant_before_there_were_attributes() -> None:
    said = meaning(generate_schema(PROGRAMS.values(), ROLES, ("prod",))).decode()
    assert "entity Person in [Role] { tenant: String };" in said
    assert "type Env = { now: datetime, changeFreeze: Bool };" in said
    assert "weekday" not in said


def candidate(*people: Person, **more: object) -> Candidate:
    policies = {
        "a.cedar": PERMIT
        + '@id("duty") forbid (principal is Person, action in Action::"write", resource) unless { principal.onCall };'
    }
    declared = People({one.name: one for one in people})
    made = Candidate(CATALOG, policies, {"okta": OKTA}, declared, ROLES, origin="o")
    return replace(made, **more)  # type: ignore[arg-type]  # any field of it


ANN = Person("ann", "local", "ann", "acme", frozenset({"Support"}))
ON_CALL = replace(ANN, attributes=PersonAttributes(on_call=True))


def test_an_early_decision_is_about_the_people_of_its_own_release() -> None:
    on_call, before = Release.build(candidate(ON_CALL)), Release.build(candidate(ANN))
    assert before.decider.bundle is on_call.decider.bundle
    for _ in range(2):
        assert isinstance(before.decider.denied_early("unlock_user", CALLER, OKTA), Denied)
        assert on_call.decider.denied_early("unlock_user", CALLER, OKTA) is None


def test_attributes_zone_and_incident_are_parts_of_the_release_and_of_its_settings() -> None:
    plain = Release.build(candidate(ANN))
    told = ReleaseSettings.of(plain).encoded
    # what an older version wrote, and reads
    assert not [word for word in (b"on_call", b"team", b"incident", b"time_zone") if word in told]
    for other in (
        candidate(ON_CALL),
        candidate(ANN, incident=True),
        candidate(ANN, time_zone="Europe/Berlin"),
        candidate(replace(ANN, attributes=PersonAttributes("desk", "lead", "eu", "contractor"))),
    ):
        made = Release.build(other)
        assert made.digest != plain.digest
        kept = ReleaseSettings.decode(ReleaseSettings.of(made).encoded)
        again = Release.build(kept.candidate(other.catalog, other.policies, "o", development=False))
        assert again.digest == made.digest
        assert (again.people, again.incident, again.time_zone) == (made.people, made.incident, made.time_zone)


@pytest.mark.parametrize("zone", ["Europe/Berlln", "", "../etc/passwd", "/etc/localtime"])
def test_a_time_zone_that_is_not_known_is_refused(zone: str) -> None:
    with pytest.raises(AilyusError, match="time zone") as raised:
        Release.build(candidate(ANN, time_zone=zone))
    assert raised.value.code == "bad_settings"
