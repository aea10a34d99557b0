"""The bundled policies pass their own tests, and every one is exercised by some test of the suite."""

from policies.bundle import load_bundle
from policies.case import load_tests
from policies.decider import Decider
from policies.testing import run_tests, uncovered
from tests.policies.library import LIBRARY
from tests.policies.making import PROGRAMS


def test_every_case_passes() -> None:
    texts = {p.name: p.read_text() for p in LIBRARY.glob("*.cedar")}
    decider = Decider(
        load_bundle(texts, PROGRAMS, ("Support", "Operations", "SecurityLead"), ("prod", "staging")), PROGRAMS
    )
    results = run_tests(decider, PROGRAMS, [case for _, case in load_tests(LIBRARY)])
    assert [(r.case.name, r.failure) for r in results if r.failure] == []
    assert len(results) >= 15
    assert uncovered(decider, results) == []
