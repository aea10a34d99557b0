"""A verifier who trusts witnesses believes a proof only if enough of them cosigned; both verifiers agree."""

from receipts.audit.roots import Roots, WitnessRoots, read_roots
from receipts.audit.verify import verify
from receipts.statement.statement import SELF
from tests.proofs.__main__ import WITNESSED
from tests.proofs.judges import browser, python
from tests.proofs.witnessed import AT, ONE, THREE, made

ROOTS = read_roots(WITNESSED / "roots.json")


def test_every_named_vector_in_both_verifiers() -> None:
    names = sorted(path.stem for path in WITNESSED.glob("*.json") if path.stem != "roots")
    files = [(WITNESSED / f"{name}.json").read_bytes() for name in names]
    good, bad, _ = made()
    assert set(names) == {*good, *bad}
    for name, data, other in zip(names, files, browser(files, ROOTS), strict=True):
        for verdict in (python(data, ROOTS), other):
            assert verdict.ok is name.startswith("good"), (name, verdict)
            assert verdict.ok or "of 3 witnesses: 2 must be" in verdict.says, (name, verdict)
            assert SELF not in verdict.unseen


def test_without_witnesses_in_the_roots_the_same_files_hold_and_say_who_attests_them() -> None:
    roots = ROOTS.model_copy(update={"witness": None})
    data = (WITNESSED / "cosigned-by-nobody.json").read_bytes()
    for verdict in (python(data, roots), *browser([data], roots)):
        assert verdict.ok
    assert browser([data], roots)[0].unseen.count(SELF) == 1


def test_the_verdict_names_the_witnesses_and_the_time() -> None:
    verified = verify((WITNESSED / "good-two-of-three.json").read_bytes(), ROOTS)
    assert verified.witnessed == {ONE: AT, THREE: AT}


def test_roots_whose_witnesses_count_double_or_can_never_be_met_are_no_roots() -> None:
    assert ROOTS.witness is not None
    keys = ROOTS.witness.cosigners
    data = (WITNESSED / "good-two-of-three.json").read_bytes()
    for quorum, cosigners in ((4, keys), (2, (keys[0], keys[0])), (1, ("x",)), (1, (keys[0][:-4],))):
        roots = ROOTS.model_copy(update={"witness": WitnessRoots(quorum=quorum, cosigners=cosigners)})
        for verdict in (python(data, roots), *browser([data], roots)):
            assert not verdict.ok


def test_roots_survive_their_file() -> None:
    assert Roots.model_validate_json(ROOTS.encoded()) == ROOTS
