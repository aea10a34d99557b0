"""Each policy of the cookbook does what its test says, beside the bundled ones, and its test needs it."""

import re

import pytest

from contracts.compiler.catalog import load_catalog
from contracts.text.document import read_document
from policies.bundle import load_bundle
from policies.case import CaseFile
from policies.decider import Decider
from policies.testing import run_tests
from tests.pages import Page
from tests.project import ROOT

PAGE = Page(ROOT / "policies" / "COOKBOOK.md", (ROOT / "policies" / "COOKBOOK.md").read_text())
PAIRS = dict(zip(PAGE.blocks("cedar"), PAGE.blocks("yaml"), strict=True))
PROGRAMS = load_catalog(ROOT / "contracts" / "library").programs
BUNDLED = {
    path.name: path.read_text()
    for path in (ROOT / "policies" / "library").glob("*.cedar")
    if path.stem in ("base", "support", "approvals")
}


def failures(policy: str, tests: str) -> list[str]:
    bundle = load_bundle(
        {**BUNDLED, "cookbook.cedar": policy} if policy else BUNDLED,
        PROGRAMS,
        ("Support", "Operations", "SecurityLead"),
        ("prod", "staging"),
    )
    cases = CaseFile.model_validate(read_document(tests)[1]).tests
    return [result.failure for result in run_tests(Decider(bundle, PROGRAMS), PROGRAMS, cases) if result.failure]


@pytest.mark.parametrize("policy", PAIRS, ids=lambda text: re.findall(r'@id\("([^"]+)"\)', text)[0])
def test_a_policy_of_the_cookbook(policy: str) -> None:
    assert failures(policy, PAIRS[policy]) == []
    assert failures("", PAIRS[policy]) != []  # without it the test fails
