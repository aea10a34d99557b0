"""Guards that hold: for each connection, for each request, and never in appearance only."""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.action.request import Caller
from contracts.action.target import Target
from contracts.compiler.catalog import load_catalog
from contracts.errors import AilyusError
from policies.candidate import Candidate
from policies.decision import ApprovalRequired, Denied, Permitted
from policies.principal import People, Person
from policies.release import Release
from server.workspace.settings.file import FILE
from server.workspace.templates import init_sandbox
from tests.policies.making import CALLER, PERMIT, bundle, decide, facts
from tests.world import ROOT, cli

LIBRARY = load_catalog(ROOT / "contracts" / "library")
BASE = (ROOT / "policies" / "library" / "base.cedar").read_text()
APPROVALS = (ROOT / "policies" / "library" / "approvals.cedar").read_text()
OKTA = Target("okta", "okta", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")
PEOPLE = People({"ann": Person("ann", "local", "ann", "acme", frozenset())})
HIGH = 'forbid (principal, action in Action::"risk_at_least_high", resource)'


def release(*policies: str, target: Target = OKTA, environments: tuple[str, ...] = ("prod", "staging")) -> Release:
    texts = {f"{n}.cedar": text for n, text in enumerate(policies)}
    roles = ("Support", "SecurityLead")
    candidate = Candidate(LIBRARY, texts, {target.name: target}, PEOPLE, roles, environments, origin="o")
    return Release.build(candidate)


@pytest.mark.parametrize("environment", ["production", "Prod", "prod ", ""])
def test_a_connection_outside_the_declared_environments_does_not_load(environment: str) -> None:
    with pytest.raises(AilyusError) as caught:
        release(target=replace(OKTA, environment=environment))
    assert caught.value.code == "bad_settings"
    assert "is not declared" in caught.value.sentence
    assert "`prod`, `staging`" in caught.value.hint
    assert caught.value.field == "connections.okta.environment"


def test_prod_is_declared_like_any_other_environment() -> None:
    with pytest.raises(AilyusError, match="okta"):
        release(environments=("staging",))
    with pytest.raises(AilyusError) as caught:  # its guards are about an environment that is not there
        release(APPROVALS, target=replace(OKTA, environment="production"), environments=("production",))
    assert caught.value.code == "bad_policy"


def test_neither_check_nor_serve_nor_doctor_takes_a_misspelt_environment(tmp_path: Path) -> None:
    init_sandbox(tmp_path / "w")
    path = tmp_path / "w" / FILE
    path.write_text(path.read_text().replace('environment = "prod"', 'environment = "production"', 1))
    for command in (("policy", "check"), ("serve", "--port", "0"), ("doctor",)):
        said = cli(*command, cwd=tmp_path / "w", ok=False)
        assert "has the environment `production`, which is not declared" in said


def test_doctor_says_which_guards_hold_at_each_connection(tmp_path: Path) -> None:
    init_sandbox(tmp_path / "w")
    path = tmp_path / "w" / FILE
    text = path.read_text()
    at = text.index("[connections.okta]")
    path.write_text(text[:at] + text[at:].replace('environment = "prod"', 'environment = "staging"', 1))
    said = {line.split(": ")[0]: line for line in cli("doctor", cwd=tmp_path / "w", ok=False).splitlines()}
    assert "in `prod` of `acme` these guards hold: high-risk-needs-a-guard" in said["OK   guards apikeys"]
    okta = said["OK   guards okta"]
    assert "in `staging` of `acme`" in okta
    assert "these do not: no-writes-in-a-change-freeze, prod-high-needs-lead" in okta
    assert (
        "no guard always asks for `deactivate_user`, `reset_user_factor`, `reset_user_mfa`, `suspend_user`,"
        " `unsuspend_user`: what no guard asks for is denied"
    ) in okta


def test_high_risk_that_is_done_unasked_is_told() -> None:
    (at,) = release(PERMIT).guards()
    assert not at.denied
    assert "IS DONE UNASKED" in at.says
    (at,) = release(BASE, APPROVALS).guards()
    assert at.unasked == ()
    assert "prod-high-needs-lead" in at.holding


ASK_NOBODY = {
    "zero": "unless { context.approvals.SecurityLead >= 0 }",
    "minus one": "unless { context.approvals.SecurityLead > -1 }",
    "when": "when { context.approvals.SecurityLead >= 1 }",
    "age alone": "unless { context.approvals.oldestSeconds <= 900 }",
    "a count": "unless { context.approvals.SecurityLead >= 1 || context.rate.lastHour >= 0 }",
    "a count from the left": "unless { 0 <= context.plan.size || context.approvals.SecurityLead >= 1 }",
    "a count above": "unless { context.repeat > -1 || context.approvals.SecurityLead >= 1 }",
    "less than a hundred": "unless { context.approvals.SecurityLead < 100 }",
    "not one hundred": "unless { context.approvals.SecurityLead != 100 }",
    "two clauses": "when { context.repeat >= 0 } unless { context.approvals.SecurityLead >= 0 }",
    "if": "unless { if context.approvals.SecurityLead >= 0 then true else false }",
}


@pytest.mark.parametrize("name", ASK_NOBODY)
def test_a_guard_that_asks_nobody_is_refused(name: str) -> None:
    with pytest.raises(AilyusError, match="asks nobody") as caught:
        bundle(PERMIT, f'@id("g") {HIGH} {ASK_NOBODY[name]};')
    assert caught.value.code == "bad_policy"
    assert caught.value.field == "test.cedar:2:1"


def test_an_age_in_milliseconds_is_refused() -> None:
    with pytest.raises(AilyusError, match="of any age"):
        bundle(
            f'@id("g") {HIGH} unless {{ context.approvals.SecurityLead >= 1 && context.approvals.oldestSeconds <= 900000 }};'
        )


def test_a_guard_for_a_person_who_does_not_exist_is_refused() -> None:
    guard = '@id("g") forbid (principal == Person::"{}", action in Action::"write", resource) unless {{ context.approvals.SecurityLead >= 1 }};'
    release(PERMIT, guard.format("ann"))
    with pytest.raises(AilyusError, match="guards against `nobody`"):
        release(PERMIT, guard.format("nobody"))
    with pytest.raises(AilyusError, match="guards against `nobody`"):
        release(PERMIT, f'@id("g") {HIGH} when {{ context.person == Person::"nobody" }};')


SOMETIMES = {
    "only for vips": "when { resource has vip && resource.vip } unless { context.approvals.SecurityLead >= 1 }",
    "only in staging": 'when { resource.environment == Environment::"staging" } unless { context.approvals.SecurityLead >= 1 }',
    "only for another person": 'when { context.person == Person::"zoe" } unless { context.approvals.SecurityLead >= 1 }',
    "only for another agent": 'when { principal == Agent::"zoe" } unless { context.approvals.SecurityLead >= 1 }',
    "only for who is not in support": 'unless { principal in Role::"Support" || context.approvals.SecurityLead >= 1 }',
    "only from the second call on": "when { context.repeat > 0 } unless { context.approvals.SecurityLead >= 1 }",
    "only up to a rate": "unless { context.rate.spends >= 0 || context.approvals.SecurityLead >= 1 }",
}


@pytest.mark.parametrize("name", SOMETIMES)
@pytest.mark.parametrize("approvals", [0, 1, 3])
def test_a_guard_that_does_not_ask_for_this_request_does_not_cover_it(name: str, approvals: int) -> None:
    """Of a vector of zeros none may permit it, and none that is larger makes up for a guard that does not ask."""
    made = bundle(PERMIT, BASE, f'@id("g") {HIGH} {SOMETIMES[name]};')
    decided = decide(made, "suspend_user", approvals={"SecurityLead": approvals})
    assert isinstance(decided, Denied)
    assert decided.record is not None
    assert decided.record.policies["agent"] == ("high-risk-needs-a-guard",)


def test_a_guard_that_asks_for_this_request_covers_it() -> None:
    made = bundle(PERMIT, BASE, f'@id("g") {HIGH} {SOMETIMES["only for vips"]};')
    vip = facts("suspend_user", attributes={"vip": True})
    asked = decide(made, "suspend_user", facts=vip)
    assert isinstance(asked, ApprovalRequired)
    assert asked.needs == ((("SecurityLead", 1),),)
    assert isinstance(decide(made, "suspend_user", facts=vip, approvals={"SecurityLead": 1}), Permitted)
    assert isinstance(decide(made, "unlock_user"), Permitted)  # below risk high nothing must ask


def test_a_guard_for_agents_alone_covers_what_an_agent_does() -> None:
    agents = '@id("g") forbid (principal is Agent, action in Action::"write", resource) unless { context.approvals.SecurityLead >= 1 };'
    made = bundle(PERMIT, BASE, agents)
    assert isinstance(decide(made, "suspend_user"), ApprovalRequired)
    assert isinstance(decide(made, "suspend_user", approvals={"SecurityLead": 1}), Permitted)


def test_a_missing_permit_is_not_lifted_by_approvals() -> None:
    made = bundle(BASE, APPROVALS)
    decided = decide(made, "suspend_user", caller=Caller("bot", "acme", "ann", "ann", frozenset(), CALLER.roles))
    assert isinstance(decided, Denied)
