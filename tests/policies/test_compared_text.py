"""A text that policies only compare with written ones is told from no other that they do not write."""

from collections import Counter
from itertools import product

import pytest
from cedarpy import pst

from contracts.action.request import Caller
from policies.case_situation import NOW_MS
from policies.cedar_expression import walk
from policies.compared_text import compared_texts, comparisons_of
from policies.decision import DecisionContext
from policies.simulation import Simulation, SimulationTally
from tests.policies.edited_releases import BEFORE, Kept
from tests.policies.making import condition, facts, request
from tests.policies.small_world import BASE, release

# `str` is a name too, and no mark of one that was left out
NAMES = ("ann", "bea", "eve", "str")
KEPT: list[Kept] = []
for action, name, approvals in product(("get_user", "suspend_user"), NAMES, ({}, {"SecurityLead": 1})):
    caller = Caller("bot", "acme", name, name, frozenset({"Support"}), frozenset({"Support"}))
    made = BEFORE.decider.decide(request(action), caller, facts(action), DecisionContext(NOW_MS), approvals, 0)
    assert made.record is not None
    KEPT.append(Kept(f"rcp_{len(KEPT)}", "okta", made.record.requests, made.record.entities))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('principal.name == "a" || "b" != principal.name', {"name": {"a", "b"}}),
        ('["a", "b"].contains(context.person.name)', {"name": {"a", "b"}}),
        ('principal.name == "a" && principal.name like "a*"', {}),
        ('principal.name == "a" && principal.name == context.person.name', {}),
        ('["a", principal.subject].contains(principal.name)', {}),
        ("principal.onCall == true", {}),
    ],
)
def test_what_is_read_in_another_way_too_has_no_compared_texts(text: str, found: dict[str, set[str]]) -> None:
    nodes = list(walk(condition(text)))
    reads = Counter(node.attr for node in nodes if isinstance(node, pst.GetAttr))
    comparisons = [one for node in nodes if isinstance(node, pst.BinaryOp) for one in comparisons_of(node)]
    assert compared_texts(comparisons, reads) == found


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ('principal.name == "bea"', 4),
        ('principal.name != "str"', 4),
        ('["bea", "str", "nobody"].contains(principal.name)', 6),
        ('principal.name == "bea" && context.person.name like "*e*"', 8),
        ('principal.name == context.person.name && principal.name != "x"', 8),
    ],
)
def test_names_that_no_policy_writes_are_asked_about_once_with_the_outcomes_of_each(text: str, questions: int) -> None:
    own = f'@id("own") forbid (principal is Person, action == Action::"suspend_user", resource) when {{ {text} }};'
    after = release(f"{BASE}\n{own}")
    together, alone = Simulation(BEFORE, after), SimulationTally()
    found = together.of(KEPT)
    for one in KEPT:
        alone.add(Simulation(BEFORE, after).of([one]))
    assert found == alone
    assert len(together._decided_once) == questions
