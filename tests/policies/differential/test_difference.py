"""The short form: random decisions are those of the official Cedar WASM, and a planted mistake is noticed."""

from collections.abc import Iterator
from dataclasses import replace

import cedarpy
import pytest
from cedarpy import pst

from policies.bundle import Bundle
from policies.policy_slice import Slice
from tests.policies.differential.difference import Count, differences
from tests.policies.differential.judge import Judge

SEEDS = range(6)
"""Sets of policies, every other one in the world with tags, addresses and nested records."""


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    made = Judge()
    yield made
    made.close()


def test_outcomes_reasons_errors_and_needs_are_those_of_the_official_cedar(judge: Judge) -> None:
    count = Count()
    for seed in SEEDS:
        count.add(differences(judge, seed, 8))
    assert count.differ == []
    assert count.asked == 8 * len(SEEDS)
    assert min(count.permitted, count.approvals, count.denied, count.unfit, count.approvers) > 0, count


def without_forbids(bundle: Bundle) -> Bundle:
    """What a slice would be that loses the forbids of its action."""

    def lost(sliced: Slice) -> Slice:
        nodes = {name: node for name, node in sliced.nodes.items() if node.effect == "permit"}
        policies = pst.PolicySet(templates={}, static_policies=nodes, template_links=())
        return replace(sliced, nodes=nodes, policies=cedarpy.PolicySet.from_pst(policies))

    return replace(bundle, slices={name: lost(one) for name, one in bundle.slices.items()})


def test_a_slice_that_loses_forbids_is_noticed(judge: Judge) -> None:
    assert any(differences(judge, seed, 8, without_forbids).differ for seed in SEEDS)
