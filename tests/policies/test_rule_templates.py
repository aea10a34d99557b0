"""Every rule is a valid policy that its own test meets, and that nothing else would meet."""

import pytest

from contracts.compiler.catalog import load_catalog
from contracts.errors import AilyusError
from contracts.text.document import read_document
from policies.budget import FILE
from policies.bundle import load_bundle
from policies.case import CaseFile
from policies.decider import Decider
from policies.rule_templates import RULES, with_budget, write_rule
from policies.testing import run_tests
from tests.policies.proof.making import ENVIRONMENTS, ROLES, programs
from tests.world import ROOT

CATALOG = load_catalog(ROOT / "contracts" / "library")
BASE = """
@id("support") permit (principal in Role::"Support", action == Action::"pay_bill", resource);
@id("leads") permit (principal in Role::"SecurityLead", action in Action::"approve", resource)
when { context.role == Role::"SecurityLead" };
"""
GIVEN = {
    "allowed-agents": {"agents": "desk-bot,night-bot"},
    "grant-until": {"until": "2099-12-31"},
    "amount-needs-approval": {"parameter": "cents"},
    "data-residency": {"attribute": "owner"},
    "business-hours": {"from": "08:30", "to": "24:00"},
    "budget": {"budget": "bills", "window": "30m"},
    "untrusted-needs-approval": {"tag": "bills"},
    "read-first": {"read": "pay_bill"},
    "freeze-until": {"until": "2099-12-31"},
    "freeze-window": {"begin": "2026-12-20", "end": "2027-01-07T06:00:00Z"},
    "change-window": {"begin": "2026-12-20", "end": "2027-01-07T06:00:00Z"},
    "two-teams-approve": {"second": "Support", "team": "security", "second_team": "finance"},
}
GRANTS = ("free-in", "low-risk", "grant-until", "break-glass", "owner-approves", "other-team-approves")


def outcomes(policy: str, test: str, budgets: str = "", action: str = "pay_bill") -> list[str]:
    found = programs("low") if action == "pay_bill" else {action: CATALOG.programs[action]}
    texts = {"a.cedar": policy} | ({FILE: budgets} if budgets else {})
    decider = Decider(load_bundle(texts, found, ROLES, ENVIRONMENTS), found)
    return [one.failure for one in run_tests(decider, found, CaseFile.model_validate(read_document(test)[1]).tests)]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_met_by_its_test_and_nothing_else_is(name: str) -> None:
    # whose contract says what a ticket must say
    action = "reset_user_mfa" if name == "open-ticket" else "pay_bill"
    policy, test = write_rule(name, action, "SecurityLead", "Support", GIVEN.get(name, {}))
    # of the two teams nobody else may approve
    base = "" if name in GRANTS else BASE.partition('@id("leads")')[0] if name == "two-teams-approve" else BASE
    base = base.replace("pay_bill", action)
    budgets = with_budget(name, action, GIVEN.get(name, {}), "")
    assert set(outcomes(base + policy, test, budgets, action)) == {""}
    # the test notices when the rule is gone
    other = '@id("other") forbid (principal, action, resource) when { principal.tenant == "x" };'
    assert outcomes(base + other, test, budgets, action)[0] != ""


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("allowed-agents", {}, "needs a value `agents`"),
        ("allowed-agents", {"agents": 'a"].contains("b")'}, "cannot take"),
        ("grant-until", {"until": "tomorrow"}, "cannot take `tomorrow`"),
        ("freeze-until", {"until": "2027-02-30"}, "cannot take `2027-02-30`"),
        ("business-hours", {"from": "25:00"}, "cannot take `25:00`"),
        ("limit-per-day", {"limit": "-1"}, "cannot take `-1`"),
        ("limit-per-day", {"limits": "1"}, "takes no value `limits`"),
        ("budget", {}, "needs a value `budget`"),
        ("budget", {"budget": "b", "window": "7d"}, "cannot take `7d`"),
        ("contractors-never", {"limit": "1"}, "takes no value `limit`"),
    ],
)
def test_a_value_that_is_missing_unknown_or_malformed_is_refused(name: str, given: dict[str, str], says: str) -> None:
    with pytest.raises(AilyusError, match=says) as raised:
        write_rule(name, "pay_bill", "SecurityLead", "Support", given)
    assert raised.value.code == "bad_policy"


def test_a_budget_is_declared_once_and_others_stay() -> None:
    known = "# ours\nbudgets:\n  - {name: other, action: write, window: day}"
    text = with_budget("budget", "pay_bill", {"budget": "bills"}, known)
    assert text.startswith(known + "\n")
    assert text.endswith("  - {name: bills, action: pay_bill, per: tenant, window: day}\n")
    assert with_budget("budget", "pay_bill", {"budget": "bills"}, text) == text
    assert with_budget("limit-per-day", "pay_bill", {}, known) == known
