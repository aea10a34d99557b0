"""Every template gives a policy that is valid and a test of it that passes."""

from pathlib import Path

import pytest

from policies.bundle import load_bundle
from policies.decision import Decider
from policies.templates import TEMPLATES, write_template
from policies.testing import load_tests, run_tests
from tests.policies.making import PROGRAMS
from tests.policies.test_library import LIBRARY

ROLES = ("Support", "Operations", "SecurityLead")


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_and_its_test(tmp_path: Path, name: str) -> None:
    role = "Support" if name == "read-only-agent" else "SecurityLead"
    policy, test = write_template(name, "unlock_user", role)
    (tmp_path / "new.test.yaml").write_text(test)
    texts = {p.name: p.read_text() for p in LIBRARY.glob("*.cedar")} | {"new.cedar": policy}
    decider = Decider(load_bundle(texts, PROGRAMS, ROLES, ("prod", "staging")), PROGRAMS)
    results = run_tests(decider, PROGRAMS, [case for _, case in load_tests(tmp_path)])
    assert [r.failure for r in results] == [""]
