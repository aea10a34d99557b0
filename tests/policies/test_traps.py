"""The eleven traps of the Cedar model: each allowed what must be denied, until its guard was there."""

from dataclasses import replace

import cedarpy
import pytest

from contracts.action.observation import Observation, Reading
from contracts.action.request import Caller
from contracts.action.target import Target
from contracts.compiler.inputs import InputSchema
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies import bundle as bundle_module
from policies.decider import Decider
from policies.decision import ApprovalRequired, DecisionContext, Denied, Permitted
from policies.resource_facts import establish_facts
from tests.policies.making import CALLER, PERMIT, PROGRAMS, bundle, decide, facts, request
from tests.world import ROOT

ROOT_LIBRARY = ROOT / "policies" / "library"
FORBID_HIGH = '@id("no-high") forbid (principal, action in Action::"risk_at_least_high", resource);'
OKTA = Target("okta", "okta", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")


def test_trap_1_a_forbid_on_a_group_denies_its_members() -> None:
    assert isinstance(decide(bundle(PERMIT, FORBID_HIGH)), Denied)


def test_trap_1_the_canary_sees_entities_without_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    made = bundle(PERMIT)
    monkeypatch.setattr(
        type(made), "entities", lambda self, document: cedarpy.Entities.from_json_str(document.decode())
    )
    with pytest.raises(AilyusError, match="lost their groups"):
        bundle_module.canary(made)


def test_trap_2_a_forbid_that_errors_is_no_permit() -> None:
    overflow = (
        '@id("errors") forbid (principal, action == Action::"reset_user_mfa", resource) '
        "when { context.repeat + 9223372036854775807 + 9223372036854775807 < 0 };"
    )
    assert isinstance(decide(bundle(PERMIT, overflow)), Denied)


def test_trap_3_a_parameter_never_becomes_an_entity() -> None:
    admin = '@id("a") permit (principal, action, resource) when { context.params has user_id };'
    sneaky = request(user_id={"__entity": {"type": "Role", "id": "SecurityLead"}})
    decided = Decider(bundle(admin), PROGRAMS).decide(sneaky, CALLER, facts(), DecisionContext(1))
    assert isinstance(decided, Denied)


@pytest.mark.parametrize("key", ["__entity", "__extn"])
def test_trap_3_reserved_keys_are_refused_in_raw_parameters(key: str) -> None:
    schema: InputSchema = PROGRAMS["get_user"].inputs
    with pytest.raises(AilyusError) as caught:
        schema.parse({"user_id": {key: {"type": "Role", "id": "SecurityLead"}}})
    assert caught.value.code == "reserved_key"


def test_trap_4_risk_groups_nest() -> None:
    program = PROGRAMS["reset_user_mfa"]
    critical = replace(program, contract=program.contract.model_copy(update={"risk": "critical"}))
    programs: dict[str, Program] = {**PROGRAMS, "reset_user_mfa": critical}
    made = bundle_module.load_bundle({"t": PERMIT + FORBID_HIGH}, programs, ("Support",), ("prod",))
    assert isinstance(decide(made), Denied)


@pytest.mark.parametrize("profile", [None, {}, {"userType": 7}, "nothing"])
def test_trap_5_an_attribute_that_cannot_be_established_denies(profile: object) -> None:
    program = PROGRAMS["reset_user_mfa"]
    strict = replace(program, attributes=tuple(replace(a, value=_expects_a_type(program)) for a in program.attributes))
    user = {"id": "00u1", "status": "ACTIVE", "profile": profile}
    before = Observation(
        {n: Reading(n, 200, user if n == "user" else [], b"", 1) for n in ("user", "factors", "ticket")},
        1,
        "same_channel",
    )
    denied = establish_facts(strict, request(user_id="00u1"), OKTA, before)
    assert isinstance(denied, Denied)
    assert denied.reason == "cannot establish `vip`"


def _expects_a_type(program: Program):  # type: ignore[no-untyped-def]
    from contracts.compiler.expressions import Names
    from contracts.compiler.template import Template

    return Template.compile("${before.user.profile.vip}", Names.of({"before.user": "dyn"}))


def test_trap_5_an_attribute_that_its_user_can_edit_stands_in_no_forbid() -> None:
    program = PROGRAMS["reset_user_mfa"]
    editable = replace(program, attributes=tuple(replace(a, user_editable=True) for a in program.attributes))
    policy = '@id("vip") forbid (principal, action == Action::"reset_user_mfa", resource) when { resource.vip };'
    with pytest.raises(AilyusError, match="can edit"):
        bundle_module.load_bundle({"t": policy}, {**PROGRAMS, "reset_user_mfa": editable}, ("Support",), ("prod",))


def test_trap_6_an_undeclared_role_counts_for_nothing() -> None:
    made = bundle('@id("p") permit (principal in Role::"Support", action, resource);')
    stranger = Caller("bot", "acme", "ann", "ann", frozenset({"Support", "Wizard"}), frozenset({"Support", "Wizard"}))
    assert isinstance(decide(made, caller=stranger), Permitted)
    only = Caller("bot", "acme", "ann", "ann", frozenset({"Wizard"}), frozenset({"Wizard"}))
    assert isinstance(decide(made, caller=only), Denied)


@pytest.mark.parametrize("value", [1.5, None, 2**63, "x"])
def test_trap_7_what_cedar_cannot_hold_denies(value: object) -> None:
    assert isinstance(decide(bundle(PERMIT), facts=facts(attributes={"vip": value})), Denied)


@pytest.mark.parametrize(
    "policy",
    [
        "permit (principal, action, resource);",
        '@id("") permit (principal, action, resource);',
        '@id("Not Plain") permit (principal, action, resource);',
    ],
)
def test_trap_8_every_policy_has_its_own_id(policy: str) -> None:
    with pytest.raises(AilyusError, match="@id"):
        bundle(policy)


def test_trap_8_the_same_id_twice() -> None:
    with pytest.raises(AilyusError, match="twice"):
        bundle(PERMIT, PERMIT)


@pytest.mark.parametrize(
    "policy",
    [
        '@id("x") forbid (principal, action == Action::"reset_user_mfa", resource) when { resource is Ticket };',
        '@id("x") forbid (principal is Agent, action, resource) when { principal is Person };',
        '@id("x") forbid (principal, action, resource) when { false };',
        '@id("x") forbid (principal, action, resource) unless { true };',
        '@id("x") forbid (principal, action == Action::"get_user", resource) when { action == Action::"get_ticket" };',
    ],
)
def test_trap_9_a_policy_that_can_never_apply_is_refused(policy: str) -> None:
    with pytest.raises(AilyusError, match="never apply"):
        bundle(PERMIT, policy)


@pytest.mark.parametrize(
    "condition",
    [
        "context.approvals.SecurityLead + context.approvals.Director >= 2",
        "1 <= context.approvals.SecurityLead",
        "context.approvals.SecurityLead >= context.approvals.Director",
        "context.approvals == context.approvals",
        "context.approvals has SecurityLead",
        "[context.approvals.SecurityLead].contains(1)",
        "[context.approvals].contains(context.approvals)",
    ],
)
def test_trap_10_approvals_in_another_form_are_refused(condition: str) -> None:
    with pytest.raises(AilyusError):
        bundle(PERMIT, f'@id("x") forbid (principal, action in Action::"write", resource) unless {{ {condition} }};')


def test_trap_11_a_forgotten_guard_denies() -> None:
    base = (ROOT_LIBRARY / "base.cedar").read_text()
    assert isinstance(decide(bundle(PERMIT, base)), Denied)
    guard = '@id("g") forbid (principal, action in Action::"risk_at_least_high", resource) unless { context.approvals.SecurityLead >= 1 };'
    assert isinstance(decide(bundle(PERMIT, base, guard)), ApprovalRequired)
    assert isinstance(decide(bundle(PERMIT, base), "unlock_user"), Permitted)
