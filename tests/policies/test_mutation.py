"""Mistakes in policies are made one by one, and tests that are good enough notice them."""

from collections.abc import Sequence

from policies.case import Case, Usage, What, load_tests
from policies.decider import Decider
from policies.mutation import MutantNames, mutants_of
from policies.mutation_score import MutationScore, MutationTrial
from server.workspace.policy_mutation import mutation_score
from server.workspace.policy_set import policy_set_of
from tests.policies.making import PROGRAMS, ROLES, bundle

NAMES = MutantNames.of(ROLES, ("prod", "staging"))
PERMIT = '@id("ask") permit (principal in Role::"Support", action == Action::"get_user", resource);'
LIMIT = (
    '@id("limit") forbid (principal is Agent, action in Action::"read", resource)\n'
    'when { context.rate.lastHour > 20 && resource.environment == Environment::"prod" };'
)
GUARD = (
    '@id("guard") forbid (principal, action in Action::"risk_at_least_high", resource)\n'
    "unless { context.approvals.SecurityLead >= 1 || context.guarded };"
)


def made(*policies: str) -> list[tuple[str, str, str]]:
    found = mutants_of({"a.cedar": "\n".join(policies)}, NAMES)
    return [(one.kind, one.says, f"{one.position.line}:{one.position.column}") for one in found]


def test_every_kind_of_mistake_is_made_at_its_place() -> None:
    assert made(LIMIT) == [
        ("removed", "the policy is removed", "1:1"),
        ("effect", "`forbid` → `permit`", "1:14"),
        ("scope", "`principal is Agent` → `principal`", "1:22"),
        ("scope", "`Agent` → `Person`", "1:35"),
        ("scope", '`action in Action::"read"` → `action`', "1:42"),
        ("scope", '`"read"` → `"write"`', "1:60"),
        ("condition", f"`{LIMIT.splitlines()[1][:-1][:79]}…` is removed", "2:1"),
        ("condition", "`when` → `unless`", "2:1"),
        ("condition", "`context.rate.lastHour > 20 &&` is removed", "2:8"),
        ("condition", '`&& resource.environment == Environment::"prod"` is removed', "2:34"),
        ("operator", "`>` → `>=`", "2:30"),
        ("operator", "`>` → `<=`", "2:30"),
        ("constant", "`20` → `21`", "2:32"),
        ("constant", "`20` → `19`", "2:32"),
        ("constant", "`20` → `20000`", "2:32"),
        ("operator", "`&&` → `||`", "2:35"),
        ("operator", "`==` → `!=`", "2:59"),
        ("constant", '`"prod"` → `"staging"`', "2:75"),
    ]


def test_roles_risks_and_flags_are_mistaken_too() -> None:
    found = made(PERMIT, GUARD)
    assert {'`"Support"` → `"Director"`', '`"Support"` → `"SecurityLead"`'} <= {
        says for kind, says, _ in found if kind == "role"
    }
    assert ("role", "`SecurityLead` → `Director`", "3:28") in found
    assert ("scope", '`"risk_at_least_high"` → `"risk_at_least_critical"`', "2:51") in found
    # a flag has no sign that could be another one
    negated = made(LIMIT.replace("context.rate.lastHour > 20", "context.guarded"))
    assert ("condition", "`context.guarded` → `!(context.guarded )`", "2:8") in negated


def tried(policies: Sequence[str], cases: Sequence[Case]) -> MutationScore:
    known = bundle(*policies)
    trial = MutationTrial(Decider(known, PROGRAMS), PROGRAMS, cases)
    return trial.of(mutants_of(known.policy_texts, NAMES))


def asked(expect: str, used: int = 0, environment: str = "prod", role: str = "Support") -> Case:
    who = {"roles": [role]}
    return Case.model_validate(
        {
            "name": "c", "action": "get_user", "agent": who, "person": who, "expect": expect,
            "rate": Usage(last_hour=used), "resource": What(environment=environment),
        }
    )  # fmt: skip


def test_tests_at_each_boundary_leave_nothing_but_what_changes_nothing_for_them() -> None:
    few = tried((PERMIT, LIMIT), [asked("permitted"), asked("denied", 900_000)])
    more = tried(
        (PERMIT, LIMIT),
        [
            asked("permitted", 20), asked("denied", 21), asked("permitted", 21, "staging"), asked("permitted", 20, "staging"),
            asked("denied", 0, "prod", "Director"), asked("denied", 0, "prod", "SecurityLead"),
        ],
    )  # fmt: skip
    assert few.tried == more.tried
    assert few.percent < more.percent
    # the limit is one of the agent: with the person asked too, the outcome of every case is the same
    assert [one.says for one in more.survivors if one.kind not in ("scope",)] == []
    assert "`20` → `21`" in [one.says for one in few.survivors]


def test_what_would_not_load_counts_neither_way() -> None:
    found = tried(
        (
            '@id("ask") permit (principal, action, resource is OktaUser) when { principal has team && principal.team == "x" };',
        ),
        [],
    )
    assert found.refused
    assert found.noticed == 0
    assert found.percent == 0.0
    assert MutationScore().percent == 100.0


def test_what_there_was_no_time_for_counts_as_unnoticed() -> None:
    score = MutationScore(noticed=9, untried=1)
    score.add(MutationScore(noticed=0, refused=2))
    assert (score.percent, score.refused) == (90.0, 2)


def test_a_time_that_is_over_leaves_all_untried() -> None:
    score = mutation_score(None, -1.0, processes=1)
    assert (score.tried, score.percent) == (0, 0.0)
    assert score.untried > 300


def test_nine_of_ten_mistakes_in_the_shipped_policies_are_noticed() -> None:
    shipped = policy_set_of(None)
    bundle = shipped.decider.bundle
    known = list(mutants_of(bundle.policy_texts, MutantNames.of(bundle.roles, bundle.environments)))
    # every sixth one; `python -m tests.policies.mutation` tries all
    trial = MutationTrial(shipped.decider, shipped.programs, [case for _, case in load_tests(shipped.folder)])
    score = trial.of(known[::6])
    said = [f"{one.position} {one.policy}: {one.says}" for one in score.survivors]
    assert score.tried >= 45
    assert score.percent >= 90, said
    assert not [one for one in score.survivors if one.kind == "removed"], said
