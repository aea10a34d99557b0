"""A decision asks Cedar about the keys of the context that a policy reads, and it is the decision about all of them."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.bundle import Bundle, load_bundle
from policies.decider import Decider
from policies.decision import DecisionContext, Denied, Permitted, Rate
from policies.schema import CONTEXT
from tests.policies.making import CALLER, PERMIT, PROGRAMS, ROLES, bundle, facts, request

CONDITIONS = (
    "context.approvals.SecurityLead >= 1",
    "context.approvals.Director >= 2 || context.guarded",
    "!context.guarded",
    "context.env.changeFreeze",
    'context.env.now > datetime("2026-01-01")',
    "context.origin.trusted",
    "context.person == principal",
    "context.repeat > 1",
    "context has rate && context.rate.lastHour > 2",
    "context.plan.size > context.repeat",
    "context.resourceOpenIncident",
    "context.request.verified",
    "(if context.repeat > 1 then context else context).rate.spends > 1",
    'context.params.user_id == "text"',
)


def whole(made: Bundle) -> Bundle:
    """The same bundle, which asks about every key."""
    return replace(made, narrow=made.schema, slices={n: replace(s, reads=CONTEXT) for n, s in made.slices.items()})


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["when", "unless"]), st.sampled_from(CONDITIONS)), max_size=4),
    st.builds(
        DecisionContext,
        st.sampled_from([1_700_000_000_000, 1_800_000_000_000]),
        st.booleans(),
        st.integers(0, 3),
        rate=st.builds(Rate, st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)),
        spends=st.integers(0, 3),
        plan_size=st.integers(0, 3),
        open_incident=st.booleans(),
        saw=st.just(frozenset()),
    ),
    st.dictionaries(st.sampled_from(ROLES), st.integers(0, 2)),
    st.booleans(),
)
def test_what_is_left_out_changes_no_decision(
    clauses: list[tuple[str, str]], decision_context: DecisionContext, approvals: dict[str, int], trusted: bool
) -> None:
    policies = [
        f'@id("p{number}") forbid (principal, action == Action::"reset_user_mfa", resource) {word} {{ {condition} }};'
        for number, (word, condition) in enumerate(clauses)
        if word == "unless" or "approvals" not in condition  # else it is a guard that asks nobody
    ]
    made = bundle(PERMIT, *policies)
    known = facts("reset_user_mfa", origin_trusted=trusted)
    one, other = (
        Decider(b, PROGRAMS).decide(request("reset_user_mfa"), CALLER, known, decision_context, approvals)
        for b in (made, whole(made))
    )
    assert type(one) is type(other)
    assert one.record is not None
    assert other.record is not None
    assert one.record.policies == other.record.policies


def test_every_key_that_a_policy_reads_is_asked_about() -> None:
    read = {}
    for number, condition in enumerate(CONDITIONS):
        policy = f'@id("p{number}") forbid (principal, action == Action::"reset_user_mfa", resource) unless {{ {condition} }};'
        read[condition] = bundle(PERMIT, policy).slices["reset_user_mfa"].reads
    assert set().union(*read.values()) == CONTEXT
    assert read["context.repeat > 1"] == {"repeat"}
    assert read["(if context.repeat > 1 then context else context).rate.spends > 1"] == CONTEXT


def test_what_a_caller_says_is_always_checked_by_the_schema() -> None:
    """Also where no policy reads it: what is no text where one is declared is no permit."""
    decider = Decider(bundle(PERMIT), PROGRAMS)
    given = request("reset_user_mfa")
    assert isinstance(decider.decide(given, CALLER, facts("reset_user_mfa"), DecisionContext(1)), Permitted)
    name = next(n for n, f in PROGRAMS["reset_user_mfa"].contract.inputs.items() if f.type == "string")
    wrong = replace(given, params={**given.params, name: {"__entity": {"type": "Person", "id": "ann"}}})
    assert isinstance(decider.decide(wrong, CALLER, facts("reset_user_mfa"), DecisionContext(1)), Denied)


def test_the_stored_schema_is_the_whole_one() -> None:
    made = load_bundle({"p.cedar": PERMIT}, PROGRAMS, ROLES, ("prod",))
    assert "approvals: Approvals" in made.schema_text
