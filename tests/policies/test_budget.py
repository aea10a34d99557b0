"""A budget covers what it names, counts since its window began, and is refused where it would never be full."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.action.target import Target
from contracts.errors import AilyusError
from policies.budget import FILE, Budget, BudgetText, budgets_of, share_of
from policies.bundle import Bundle, load_bundle
from policies.case import Case
from policies.decider import Decider
from policies.decision import Decision, DecisionContext, Denied, Permitted
from policies.testing import run_tests
from tests.policies.making import CALLER, PERMIT, PROGRAMS, ROLES, facts, request

TARGET = Target("okta", "okta", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")
RESETS = "budgets:\n  - {name: resets, action: reset_user_mfa, window: 1h}\n"
LIMIT = """
@id("twenty-resets") forbid (principal, action == Action::"reset_user_mfa", resource)
when { context.budget.resets > 20 };
"""


def bundle(budgets: str = RESETS, policies: str = PERMIT + LIMIT) -> Bundle:
    return load_bundle({"a.cedar": policies, FILE: budgets}, PROGRAMS, ROLES, ("prod", "staging"))


def decided(context: DecisionContext) -> Decision:
    return Decider(bundle(), PROGRAMS).decide(request(), CALLER, facts(), context)


def budget(window: str, **more: str) -> Budget:
    return Budget(BudgetText.model_validate({"name": "b", "action": "write", "window": window, **more}), frozenset())


def test_a_policy_compares_it() -> None:
    assert isinstance(decided(DecisionContext(1, budgets={"resets": 20})), Permitted)
    assert isinstance(decided(DecisionContext(1, budgets={"resets": 21})), Denied)


def test_what_was_not_counted_is_more_than_any_budget() -> None:
    assert isinstance(decided(DecisionContext(1)), Denied)


def test_a_group_covers_its_contracts_and_a_list_covers_several() -> None:
    text = "budgets:\n  - {name: all, action: write, window: day}\n  - {name: two, action: [unlock_user, read], window: 1h}\n"
    found = budgets_of(text, PROGRAMS).by_name
    assert found["all"].actions == {name for name, one in PROGRAMS.items() if one.is_write}
    assert found["two"].actions == {"unlock_user"} | {name for name, one in PROGRAMS.items() if not one.is_write}


@pytest.mark.parametrize(
    ("says", "line"),
    [
        ("`reset_mfa`, which is no contract", "{name: a, action: reset_mfa, window: 1h}"),
        ("covers no write", "{name: a, action: read, window: 1h}"),
        ("declares no `spends`", "{name: a, action: reset_user_mfa, window: 1h, counts: spends}"),
        ("at most `24h`", "{name: a, action: write, window: 25h}"),
        ("expected a duration", "{name: a, action: write, window: week}"),
        ("budgets.0.name", "{name: A-1, action: write, window: 1h}"),
        ("budgets.0.per", "{name: a, action: write, window: 1h, per: planet}"),
        ("there twice", "{name: a, action: write, window: 1h}\n  - {name: a, action: write, window: day}"),
        ("line 3", "{name: a"),
    ],
)
def test_one_that_would_not_hold_is_refused(says: str, line: str) -> None:
    with pytest.raises(AilyusError, match=says) as raised:
        budgets_of(f"budgets:\n  - {line}\n", PROGRAMS)
    assert (raised.value.code, raised.value.field) == ("bad_policy", FILE)


def test_a_policy_about_an_action_that_it_does_not_cover_is_refused() -> None:
    with pytest.raises(AilyusError, match="budget"):
        bundle(policies=LIMIT.replace("reset_user_mfa", "unlock_user"))


def test_a_window_begins_by_the_clocks_of_the_time_zone() -> None:
    now = int(datetime(2026, 7, 1, 22, 45, 30, tzinfo=UTC).timestamp() * 1000)
    began = {
        ("30m", "UTC"): datetime(2026, 7, 1, 22, 15, 30, 1000, tzinfo=UTC),
        ("hour", "UTC"): datetime(2026, 7, 1, 22, tzinfo=UTC),
        ("hour", "Asia/Kolkata"): datetime(2026, 7, 1, 22, 30, tzinfo=UTC),
        ("day", "UTC"): datetime(2026, 7, 1, tzinfo=UTC),
        ("day", "Europe/Berlin"): datetime(2026, 7, 1, 22, tzinfo=UTC),
    }
    for (window, zone), since in began.items():
        assert budget(window).since_ms(now, zone) == int(since.timestamp() * 1000), (window, zone)


def test_reads_take_nothing_and_sums_take_what_is_spent() -> None:
    calls, sums = budget("day"), budget("day", counts="spends")
    assert [share_of(one, is_write=True, spends=7) for one in (calls, sums)] == [1, 7]
    assert [share_of(one, is_write=False, spends=7) for one in (calls, sums)] == [0, 0]


def test_another_budget_is_another_release_and_none_leaves_the_digest_as_it_was() -> None:
    digests = {bundle(RESETS.replace("1h", window)).digest for window in ("1h", "2h", "hour")}
    assert len(digests) == 3
    plain = load_bundle({"a.cedar": PERMIT}, PROGRAMS, ROLES, ("prod",))
    assert "budget" not in plain.schema_text
    assert bundle().policy_texts.keys() == {"a.cedar"}


def test_a_case_says_what_others_took_and_names_no_budget_that_there_is_not() -> None:
    plain = Case.model_validate({"name": "n", "action": "reset_user_mfa", "expect": "permitted"})
    full = plain.model_copy(update={"budget": {"resets": 21}, "expect": "denied", "because": ("twenty-resets",)})
    unknown = plain.model_copy(update={"budget": {"reset": 21}})
    failures = [one.failure for one in run_tests(Decider(bundle(), PROGRAMS), PROGRAMS, [plain, full, unknown])]
    assert failures == ["", "", "there is no budget `reset`"]


def test_a_changed_budget_is_told_apart() -> None:
    one, other = (budgets_of(RESETS.replace("1h", window), PROGRAMS).by_name["resets"] for window in ("1h", "2h"))
    assert one != other
    assert one == replace(other, text=one.text)


@pytest.mark.parametrize(
    ("window", "frees"),
    [("30m", "2026-03-29T00:40:00Z"), ("hour", "2026-03-29T01:00:00Z"), ("day", "2026-03-29T22:00:00Z")],
)
def test_it_begins_to_free_when_the_oldest_leaves_its_window(window: str, frees: str) -> None:
    """The day is that of Berlin in which clocks go forward, which has 23 hours."""
    now, oldest, at = (
        int(datetime.fromisoformat(f"2026-03-29T{text}").timestamp() * 1000)
        for text in ("00:30:00Z", "00:10:00Z", frees[11:])
    )
    assert budget(window).frees_ms(now, "Europe/Berlin", oldest) == at


ONE = {"reset_user_mfa": PROGRAMS["reset_user_mfa"]}
FULL = 'forbid (principal, action == Action::"reset_user_mfa", resource) when { context.budget.resets > 20'


def one_contract(policy: str) -> Decider:
    return Decider(load_bundle({"a.cedar": policy, FILE: RESETS}, ONE, ROLES, ("prod", "staging")), ONE)


@pytest.mark.parametrize(
    ("policy", "count", "denies"),
    [
        (FULL + " };", 21, True),
        (FULL.replace("resets", "resets + 1").replace("principal", "principal is Agent") + " };", 20, True),
        (FULL + " };", 20, False),
        (FULL + " && resource.vip };", 21, False),
        (FULL + " && context.rate.lastDay > 3 };", 21, False),
        (FULL + " } unless { context.approvals.SecurityLead > 0 };", 21, False),
        (FULL.replace("principal", 'principal in Role::"Director"') + " };", 21, False),
        (FULL.replace("context.budget", "context has budget && context.budget") + " };", 21, False),
    ],
)
def test_a_full_budget_denies_early_only_where_the_rest_cannot_turn_it(policy: str, count: int, denies: bool) -> None:
    made = one_contract(f'{PERMIT}\n@id("full") {policy}')
    assert (made.denied_by_budget("reset_user_mfa", CALLER, TARGET, {"resets": count}) is not None) is denies
    # whatever is denied early is denied with the record, too
    later = made.decide(request(), CALLER, facts(), DecisionContext(1, budgets={"resets": count}))
    assert isinstance(later, Denied) or not denies


def test_a_permit_whose_budget_is_full_denies_early() -> None:
    made = one_contract('@id("few") ' + FULL.replace("forbid", "permit").replace("> 20", "<= 20 };"))
    assert made.denied_by_budget("reset_user_mfa", CALLER, TARGET, {"resets": 20}) is None
    denied = made.denied_by_budget("reset_user_mfa", CALLER, TARGET, {"resets": 21})
    assert denied is not None
    assert made.early.budgets_of("reset_user_mfa", denied) == {"resets"}
