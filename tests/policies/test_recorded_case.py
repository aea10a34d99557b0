"""A recorded decision becomes a test with its outcome, and without what the outcome does not hang on."""

from policies.case import Case, What
from policies.decider import Decider
from policies.decision import DecisionContext, Rate
from policies.recorded_case import case_of, least_case
from policies.recorded_request import RecordedRequest
from policies.testing import run_tests
from tests.policies.making import CALLER, PROGRAMS, ROLES, bundle, facts, request

PERMIT = '@id("may") permit (principal in Role::"Support", action, resource);'
LIMIT = '@id("limit") forbid (principal is Agent, action, resource) when { context.rate.lastHour >= 10 };'
VIP = '@id("vip") forbid (principal, action, resource is OktaUser) when { resource.vip };'
LEAD = (
    '@id("lead") forbid (principal, action == Action::"reset_user_mfa", resource)\n'
    "unless { context.approvals.SecurityLead >= 1 && context.approvals.oldestSeconds <= 900 };"
)
OWN = '@id("own") forbid (principal, action, resource) when { resource.tenant != principal.tenant };'
BUSY = DecisionContext(1_767_000_000_000, rate=Rate(last_hour=12, last_day=40), plan_size=3, change_freeze=True)


def recorded(*policies: str, **more: object) -> tuple[Decider, Case]:
    """The least case of a decision about a user with a name, at a busy time."""
    decider = Decider(bundle(*policies), PROGRAMS)
    known = facts("reset_user_mfa", resource_id="00u1maria0001", **more)
    decision = decider.decide(request(), CALLER, known, BUSY, {"SecurityLead": 1}, 30)
    assert decision.record is not None
    asked = RecordedRequest.of(decision.record.requests, decision.record.entities, ROLES, "prod")
    case = least_case(decider, PROGRAMS, case_of(asked, What(), "UTC"))
    assert [one.failure for one in run_tests(decider, PROGRAMS, [case])] == [""]
    return decider, case


def said(case: Case) -> dict[str, object]:
    return case.model_dump(mode="json", exclude_defaults=True, exclude={"name", "action", "agent", "person", "expect"})


def test_only_what_the_outcome_hangs_on_stays() -> None:
    _, case = recorded(PERMIT, LIMIT)
    assert (case.expect, case.because) == ("denied", ("limit", "may"))
    assert said(case) == {"rate": {"last_hour": 12}, "because": ["limit", "may"]}
    # no name of a person, no record
    assert "maria" not in case.model_dump_json()
    assert (case.agent.roles, case.person.roles, case.agent.name) == (("Support",), ("Support",), "")


def test_approvals_that_were_counted_stay() -> None:
    _, case = recorded(PERMIT, LEAD)
    assert case.expect == "permitted"
    assert said(case)["approvals"] == {"SecurityLead": 1}
    assert "oldest_seconds" not in said(case)


def test_attributes_and_places_stay_where_they_decide() -> None:
    attributes = {a.name: a.name == "vip" for a in PROGRAMS["reset_user_mfa"].attributes}
    _, case = recorded(PERMIT, VIP, attributes=attributes)
    assert case.resource.attributes == {"vip": True}
    _, case = recorded(PERMIT, OWN, tenant="globex")
    assert (case.resource.tenant, case.agent.tenant, case.expect) == ("globex", "acme", "denied")


def test_an_early_denial_is_decided_where_its_connection_is() -> None:
    entities = (
        b'[{"uid":{"type":"Agent","id":"bot"},"attrs":{"tenant":"acme","name":"bot"},"parents":[]},'
        b'{"uid":{"type":"Person","id":"ann"},"attrs":{"tenant":"acme","name":"ann","subject":"a1","onCall":false},'
        b'"parents":[{"type":"Role","id":"Support"}]}]'
    )
    requests = b'[{"principal":"Agent::\\"bot\\"","action":"Action::\\"reset_user_mfa\\""}]'
    asked = RecordedRequest.of(requests, entities, ROLES, None)
    decider = Decider(bundle(PERMIT), PROGRAMS)
    case = least_case(decider, PROGRAMS, case_of(asked, What(environment="staging"), "UTC"))
    assert (case.expect, case.resource.environment, case.person.subject) == ("denied", "staging", "")
    assert [one.failure for one in run_tests(decider, PROGRAMS, [case])] == [""]
