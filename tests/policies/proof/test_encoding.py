"""The translation of policies decides every request as Cedar does, by the gateway's own decider."""

import random

import pytest

from policies.proof.counterexample import SolverModel, counterexample, decided
from policies.proof.policy_encoding import permitted
from policies.proof.symbolic_request import approval_request
from policies.proof.text_sort import TextSort
from tests.policies.proof.disagreement import disagreements
from tests.policies.proof.making import Assignment, rules


def test_the_translation_decides_as_cedar_does() -> None:
    asked = granted = 0
    for seed in range(14):
        one = disagreements(seed, 8)
        assert one[2] == []
        asked, granted = asked + one[0], granted + one[1]
    # both outcomes are there, or nothing was compared
    assert 8 < granted < asked - 8


@pytest.mark.parametrize(("role", "may"), [("SecurityLead", True), ("Support", False)])
def test_an_approval_is_translated_as_cedar_decides_it(role: str, may: bool) -> None:
    made = rules(
        '@id("may") permit (principal in Role::"SecurityLead", action in Action::"approve", resource)'
        'when { context.role == Role::"SecurityLead" && principal.tenant == context.requester.tenant };'
        '@id("a") permit (principal, action == Action::"pay_bill", resource);'
    )
    texts = TextSort(False)
    request = approval_request("pay_bill", made, texts, ())
    formula = permitted(made.bundle.slices["approve:pay_bill"], request)
    outcomes = set()
    for number in range(60):
        model = SolverModel(Assignment(random.Random(number), texts.literal), texts)
        example = counterexample(request, (), model)
        if all(model.truth(fact) for fact in request.facts) and example.role == role:
            assert model.truth(formula) == (decided(example, made) is not None)
            outcomes.add(model.truth(formula))
    assert (True in outcomes) is may
    assert False in outcomes
