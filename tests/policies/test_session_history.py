"""What was seen is named in the words of scopes, and a policy that looks for what nobody can have seen is refused."""

import pytest

from contracts.errors import AilyusError
from policies.case import Case
from policies.decider import Decider
from policies.decision import ApprovalRequired, DecisionContext, Denied, Permitted
from policies.session_history import shown_names
from policies.testing import run_tests
from tests.policies.making import CALLER, PERMIT, PROGRAMS, bundle, facts, request

AFTER = """
@id("after-reading") forbid (principal, action == Action::"reset_user_mfa", resource)
when { context.session.saw.contains("NAME") } unless { context.approvals.SecurityLead >= 1 };
"""


def test_what_was_seen_decides_and_what_nobody_looked_up_never_permits() -> None:
    decider = Decider(bundle(PERMIT, AFTER.replace("NAME", "get_user")), PROGRAMS)
    outcomes = [
        type(decider.decide(request(), CALLER, facts(), DecisionContext(1, saw=saw)))
        for saw in (frozenset[str](), frozenset({"get_user"}), None)
    ]
    assert outcomes == [Permitted, ApprovalRequired, Denied]


@pytest.mark.parametrize("name", ["get_users", "tag_nobody"])
@pytest.mark.parametrize("call", ['contains("NAME")', 'containsAny(["read", "NAME"])'])
def test_a_name_that_nothing_has_is_refused(name: str, call: str) -> None:
    policy = AFTER.replace('contains("NAME")', call).replace("NAME", name)
    with pytest.raises(AilyusError, match=f"looks for `{name}`"):
        bundle(PERMIT, policy)


def test_groups_and_contracts_are_what_may_have_been_seen() -> None:
    assert {"read", "write", "risk_at_least_low", "get_user", "reset_user_mfa"} <= shown_names(PROGRAMS.values())


def test_a_case_says_what_was_seen() -> None:
    decider = Decider(bundle(PERMIT, AFTER.replace("NAME", "read")), PROGRAMS)
    plain = Case.model_validate({"name": "n", "action": "reset_user_mfa", "expect": "permitted"})
    seen = plain.model_copy(update={"saw": ("read",), "expect": "approval_required"})
    wrong = plain.model_copy(update={"saw": ("reads",)})
    failures = [one.failure for one in run_tests(decider, PROGRAMS, [plain, seen, wrong])]
    assert failures == ["", "", "there is no contract or group `reads`"]
