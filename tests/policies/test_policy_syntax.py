"""A policy's text is taken apart where Cedar takes it apart, and each part knows its place."""

from policies.policy_position import Position, policy_texts
from policies.policy_syntax import PolicySyntax, operands

TEXT = """// a file
@id("a")
@why("when { this } is no clause; (really)")
permit (principal in Role::"Support", action in [Action::"x", Action::"y"], resource is User)
when { context.a && (context.b || context.c > 1) && [1, 2].contains(context.d) } // why
unless { context.e || context.f && context.g };
"""


def syntax(text: str = TEXT) -> PolicySyntax:
    (written,) = policy_texts("a.cedar", text)
    return PolicySyntax.of(written)


def test_scope_and_conditions_are_found_with_their_places() -> None:
    found = syntax()
    assert found.text(found.effect) == "permit"
    assert [found.text(span) for span in found.scope] == [
        'principal in Role::"Support"', 'action in [Action::"x", Action::"y"]', "resource is User",
    ]  # fmt: skip
    when, unless = found.clauses
    assert (when.is_unless, unless.is_unless) == (False, True)
    assert [found.text(span) for span in when.conjuncts] == [
        "context.a", "(context.b || context.c > 1)", "[1, 2].contains(context.d)",
    ]  # fmt: skip
    # `||` binds weaker than `&&`: it is one condition
    assert [found.text(span) for span in unless.conjuncts] == ["context.e || context.f && context.g"]
    assert found.position(when.conjuncts[1]) == Position("a.cedar", 5, 21)


def test_chains_are_found_at_every_depth() -> None:
    found = syntax()
    parts = {found.text(span) for clause in found.clauses for span, _ in operands(clause.tokens)}
    assert parts == {
        "context.a", "(context.b || context.c > 1)", "[1, 2].contains(context.d)", "context.b", "context.c > 1",
        "context.e", "context.f && context.g", "context.f", "context.g",
    }  # fmt: skip


def test_what_an_if_holds_together_stays_whole() -> None:
    found = syntax('permit (principal, action, resource) when { if context.a && context.b then true else context.c && false };')  # fmt: skip
    (clause,) = found.clauses
    assert len(clause.conjuncts) == 1
    assert list(operands(clause.tokens)) == []


def test_a_policy_without_conditions_has_none() -> None:
    found = syntax("permit (principal, action, resource,);")
    assert found.clauses == ()
    assert found.changed(found.effect, "forbid") == "forbid (principal, action, resource,);"
