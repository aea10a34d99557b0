"""Bundles before both verifiers: named vectors and changed ones, and what Cedar and the contracts say of them again."""

from typing import Final

import orjson

from receipts.audit.authorisation import authorised
from receipts.audit.effect import effect_of
from receipts.audit.roots import read_roots
from receipts.audit.verify import verify
from tests.proofs.framed import GenuineBundles, campaign
from tests.proofs.judges import browser, python
from tests.world import ROOT

VECTORS = ROOT / "tests" / "vectors" / "bundles"
NAMES = sorted(path.stem for path in VECTORS.glob("*.json") if path.stem != "roots")
ROOTS = read_roots(VECTORS / "roots.json")
FILES = {name: (VECTORS / f"{name}.json").read_bytes() for name in NAMES}
_MALFORMED: Final = "the file is no ailyus-proof-v1"
_ELSE: Final = "the bundle is about something else than its proof"
BAD = {
    "bundle-in-a-bundle": _MALFORMED,
    "bundle-of-a-plan-called-an-action": _ELSE,
    "bundle-of-a-receipt-called-an-action": _ELSE,
    "bundle-of-an-action-called-a-plan": _ELSE,
    "bundle-of-an-unknown-kind": _MALFORMED,
    "bundle-of-another-proof": _ELSE,
    "bundle-of-another-receipt": _ELSE,
    "bundle-whose-evidence-is-a-text": _MALFORMED,
    "bundle-with-a-consistency-of-another-form": _MALFORMED,
    "bundle-with-a-statement-twice": "a statement is in the file twice",
    "bundle-with-an-unknown-key": _MALFORMED,
    "bundle-without-its-first-statement": "is not what was committed to",
    "bundle-without-what-is-withheld": _MALFORMED,
}
ANSWERS = {
    "good-action": ("yes", "yes"),
    "good-action-with-parts-left-out": ("unknown", "unknown"),
    "good-denial": ("no", "no"),
    "good-plan": ("yes", "yes"),
    "good-read": ("yes", "yes"),
    "good-refusal": ("no", "no"),
}
"""Whether each was authorised, and whether its effect is confirmed."""


def test_every_named_bundle_in_both_verifiers() -> None:
    assert {name for name in NAMES if not name.startswith("good")} == set(BAD)
    for name, there in zip(NAMES, browser(list(FILES.values()), ROOTS), strict=True):
        for verdict in (python(FILES[name], ROOTS), there):
            assert verdict.ok is name.startswith("good"), (name, verdict)
            assert verdict.ok or BAD[name] in verdict.says, (name, verdict)


def test_cedar_runs_again_with_budgets_and_with_what_was_seen() -> None:
    answers = {}
    for name in ANSWERS:
        proof = verify(FILES[name], ROOTS)
        told = authorised(proof), effect_of(proof)
        assert not any(one.contradicts for one in told), (name, told)
        answers[name] = (told[0].verdict, told[1].verdict)
    assert answers == ANSWERS
    # the request that is run again holds the budget and what the agent had seen
    opened = verify(FILES["good-action"], ROOTS).disclosed
    asked = [orjson.loads(data) for (_, label), data in opened.items() if label == "cedar/requests"]
    assert asked
    for request in (one for requests in asked for one in requests):
        assert request["context"]["budget"] == {"resets": 1}
        assert "get_user" in request["context"]["session"]["saw"]


def test_changed_bundles_mislead_neither_verifier() -> None:
    """A short form of `python -m tests.proofs --bundles 10000`."""
    good = [FILES[name] for name in ("good-action", "good-denial", "good-read")]
    counts, misled = campaign(GenuineBundles(good, ROOTS), 100, 24)
    assert misled == []
    assert counts["refused"] > 50
    assert counts["the same said otherwise"] > 5
