"""The tests that come with the shipped policies notice mistakes in them."""

from policies.case import load_tests
from tests.policies.mutation import LIBRARY, bundle, survivors


def test_nine_of_ten_mistakes_in_the_shipped_policies_are_noticed() -> None:
    alive, count = survivors(bundle(), [case for _, case in load_tests(LIBRARY)])
    said = [f"{mutant.name}: {mutant.what}" for mutant in alive]
    assert count >= 170
    assert len(alive) * 10 <= count, said
    assert not [mutant.name for mutant in alive if mutant.policy is None], said
