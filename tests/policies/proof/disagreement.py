"""The disagreement of the translation with Cedar: random requests under random policies, decided by both."""

import random

from contracts.errors import AilyusError
from policies.proof.counterexample import SolverModel, counterexample, decided
from policies.proof.policy_encoding import permitted
from policies.proof.ruleset import looks_inside
from policies.proof.symbolic_request import action_request
from policies.proof.text_sort import TextSort
from tests.policies.proof.making import Assignment, rules
from tests.policies.proof.random_policies import policies


def disagreements(seed: int, requests: int) -> tuple[int, int, list[str]]:
    """How many requests were decided under one random set of policies, how many permitted, and where both differ."""
    draw = random.Random(seed)
    text = policies(draw)
    try:
        made = rules(text)
    except AilyusError:
        return 0, 0, []
    name, asked, granted, found = "pay_bill", 0, 0, []
    sliced = made.bundle.slices[name]
    texts = TextSort(looks_inside(sliced.nodes.values()))
    request = action_request(name, made, texts, ())
    formula = permitted(sliced, request)
    for number in range(requests):
        model = SolverModel(Assignment(random.Random(f"{seed} {number}"), texts.literal), texts)
        if not all(model.truth(fact) for fact in request.facts):
            continue
        example = counterexample(request, (), model)
        said, cedar = model.truth(formula), decided(example, made) is not None
        asked, granted = asked + 1, granted + cedar
        if said != cedar:
            found.append(f"{text}\n{example.says}\ntranslation: {said}, Cedar: {cedar}")
    return asked, granted, found
