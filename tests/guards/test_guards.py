"""The short form: every guard is where the script looks for it, and three of them are taken out."""

import pytest

from tests.guards import GUARDS, ROOT, survives


@pytest.mark.parametrize("guard", GUARDS, ids=lambda g: g.name)
def test_the_guard_is_there(guard) -> None:  # type: ignore[no-untyped-def]
    assert guard.guard in (ROOT / guard.file).read_text()
    assert guard.guard != guard.without


@pytest.mark.parametrize("name", ["SAVEPOINT", "fence", "three-way probe"])
def test_without_it_its_tests_fail(name: str) -> None:
    guard = next(g for g in GUARDS if g.name == name)
    assert survives(guard) == ""
