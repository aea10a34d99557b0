"""Across rotations of the log's key both verifiers accept and refuse the same files, by old roots and by new ones."""

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import AilyusError
from receipts.audit.roots import Roots, read_roots
from receipts.audit.verify import verify
from receipts.log.log_keys import LogKeys
from tests.proofs.__main__ import ROTATIONS
from tests.proofs.judges import browser, python
from tests.proofs.rotated import proof, put
from tests.receipts.rotations import ORIGIN, history, keys_of, signer

FIRST, WHOLE = (read_roots(ROTATIONS / name) for name in ("roots-of-the-first-key.json", "roots.json"))
BAD = {
    "checkpoint-by-a-former-key": "the checkpoint is not signed by a trusted key",
    "checkpoint-by-the-first-key": "the checkpoint is not signed by a trusted key",
    "checkpoint-over-a-rotation-by-its-former-key": "the checkpoint is not signed by a trusted key",
    "former-key-after-its-rotation": "signature does not hold under a trusted key",
    "former-key-at-the-very-next-leaf": "signature does not hold under a trusted key",
    "new-key-before-its-rotation": "signature does not hold under a trusted key",
    "rotation-by-a-former-key-again": "is not one that the trusted keys know",
    "rotation-by-a-stranger": "not signed by a trusted key|does not hold under a trusted key",
    "rotation-by-the-new-key": "not signed by a trusted key|does not hold under a trusted key|trusted keys know",
    "rotation-that-is-not-in-the-log": "does not hold under|is not in the log|trusted keys know|not signed by",
    "rotation-to-a-key-that-signs-already": "is not one that the trusted keys know",
}
"""What is said of each; where the roots decide which check comes first, one of several sentences."""
SIGNERS = [signer() for _ in range(4)]


def test_every_named_vector_in_both_verifiers_by_both_roots() -> None:
    names = sorted(path.stem for path in ROTATIONS.glob("*.json") if not path.stem.startswith("roots"))
    files = [(ROTATIONS / f"{name}.json").read_bytes() for name in names]
    assert {n for n in names if not n.startswith("good")} == set(BAD)
    for roots in (FIRST, WHOLE):
        for name, data, other in zip(names, files, browser(files, roots), strict=True):
            for verdict in (python(data, roots), other):
                assert verdict.ok is name.startswith("good"), (name, verdict)
                assert verdict.ok or any(one in verdict.says for one in BAD[name].split("|")), (name, verdict)


def test_a_verifier_with_the_newest_roots_needs_no_rotation_in_the_file_and_one_with_the_first_does() -> None:
    log = history(SIGNERS[:3], [1, 1, 1])
    data = proof(log, 4, (), SIGNERS[2]).encoded()
    first, whole = Roots.of(ORIGIN, LogKeys.of(SIGNERS[0])), Roots.of(ORIGIN, keys_of(log, SIGNERS[0]))
    assert [verdict.ok for verdict in (python(data, whole), *browser([data], whole))] == [True, True]
    assert [verdict.ok for verdict in (python(data, first), *browser([data], first))] == [False, False]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=4), st.data())
def test_of_any_history_only_the_key_of_each_place_is_believed(lengths: list[int], data: st.DataObject) -> None:
    used = SIGNERS[: len(lengths)]
    log = history(used, lengths)
    keys = keys_of(log, used[0])
    places = [key.first - 1 for key in keys.keys[1:]]
    roots = (Roots.of(ORIGIN, LogKeys.of(used[0])), Roots.of(ORIGIN, keys))
    wanted = data.draw(st.integers(0, len(log) - 1))
    for one in roots:
        assert verify(proof(log, wanted, places, used[-1]).encoded(), one).checkpoint.size == len(log)
    other = data.draw(st.sampled_from([s for s in used if s.keyid != log[wanted].keyid]))
    forged = put(log, wanted, other.envelope(log[wanted].payload))
    former = data.draw(st.sampled_from(used[:-1]))
    for file in (proof(forged, wanted, places, used[-1]), proof(log, wanted, places, former)):
        assert [_is_refused(file.encoded(), one) for one in roots] == [True, True]


def _is_refused(data: bytes, roots: Roots) -> bool:
    try:
        verify(data, roots)
    except AilyusError:
        return True
    return False
