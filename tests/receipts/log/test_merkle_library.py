"""The log against pymerkle, a third party's reading of RFC 9162 (section 2.1)."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InclusionProof, InmemoryTree, InvalidProof

from receipts.log.checkpoint import Checkpoint, LogProof
from receipts.log.merkle import Frontier, consistency_proof, consistent, inclusion_proof, leaf_hash, range_hash
from receipts.log.signing import Envelope

VECTORS = Path(__file__).parents[2] / "vectors" / "proofs"


def theirs(size: int) -> InmemoryTree:
    """Their tree of `size` leaves; ours in `nodes` has the same."""
    tree = InmemoryTree(algorithm="sha256")
    for index in range(size):
        tree.append_entry(b"leaf %d" % index)
    return tree


def nodes(size: int) -> dict[tuple[int, int], bytes]:
    """Our nodes over the same leaves, by level and index."""
    found: dict[tuple[int, int], bytes] = {}
    frontier = Frontier(0, [])
    for index in range(size):
        for level, place, value in frontier.append(leaf_hash(b"leaf %d" % index)):
            found[level, place] = value
    return found


def rule(index: int, size: int) -> list[int]:
    """On which side each hash of a proof stands, as their tree of that shape has it; it counts leaves from one."""
    return list(theirs(size).prove_inclusion(index + 1, size).rule)


def accepts(index: int, size: int, leaf: bytes, path: list[bytes], root: bytes) -> bool:
    """Does their verifier take our proof?"""
    proof = InclusionProof("sha256", True, size, index=index + 1, rule=rule(index, size), path=[leaf, *path])
    try:
        proof.verify(leaf, root, index=index + 1, size=size, algorithm="sha256")
    except InvalidProof:
        return False
    return True


@given(st.integers(1, 120), st.data())
@settings(max_examples=50, deadline=None)
def test_their_verifier_takes_our_inclusion_proofs_and_none_for_another_leaf(size: int, data: st.DataObject) -> None:
    ours = nodes(size)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(index, size, lambda level, place: ours[level, place])
    leaf, root = leaf_hash(b"leaf %d" % index), theirs(size).get_root()
    assert accepts(index, size, leaf, path, root)
    assert not accepts(index, size, leaf_hash(b"another"), path, root)


@given(st.integers(1, 120), st.data())
@settings(max_examples=50, deadline=None)
def test_our_consistency_proofs_lead_from_one_of_their_roots_to_another(size: int, data: st.DataObject) -> None:
    ours, tree = nodes(size), theirs(size)
    old = data.draw(st.integers(1, size))

    def node(level: int, place: int) -> bytes:
        return ours[level, place]

    assert range_hash(0, size, node) == tree.get_root()
    proof = consistency_proof(old, size, node)
    assert consistent(old, tree.get_root(old), size, tree.get_root(), proof)
    assert not consistent(old, leaf_hash(b"another"), size, tree.get_root(), proof)


@pytest.mark.parametrize("name", ["good-key-file", "good-passkey"])
def test_their_verifier_takes_every_statement_of_a_proof_file(name: str) -> None:
    statements = orjson.loads((VECTORS / f"{name}.json").read_bytes())["statements"]
    assert statements
    for statement in statements:
        proof = LogProof.parse(statement["proof"])
        checkpoint = Checkpoint.of_note(proof.note)
        leaf = leaf_hash(Envelope.decode(statement["envelope"].encode()).leaf())
        assert accepts(proof.index, checkpoint.size, leaf, list(proof.hashes), checkpoint.root)
        assert not accepts(proof.index, checkpoint.size, leaf_hash(b"another"), list(proof.hashes), checkpoint.root)
