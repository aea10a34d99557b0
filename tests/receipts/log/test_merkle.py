"""The log against an independent reading of RFC 6962, and against everything that is not a proof."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from receipts.log.merkle import (
    Frontier,
    consistency_proof,
    consistent,
    included,
    inclusion_proof,
    leaf_hash,
    range_hash,
)


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word, written without looking at ours."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def tree(size: int) -> tuple[list[bytes], dict[tuple[int, int], bytes], Frontier]:
    leaves = [b"leaf %d" % i for i in range(size)]
    nodes: dict[tuple[int, int], bytes] = {}
    frontier = Frontier(0, [])
    for leaf in leaves:
        for level, index, value in frontier.append(leaf_hash(leaf)):
            nodes[level, index] = value
    return leaves, nodes, frontier


@given(st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_the_root_is_the_rfcs(size: int) -> None:
    leaves, nodes, frontier = tree(size)
    assert frontier.root() == mth(leaves)
    again = Frontier.of(size, lambda level, index: nodes[level, index])
    assert again == frontier
    if size:
        assert range_hash(0, size, lambda level, index: nodes[level, index]) == mth(leaves)


@given(st.integers(1, 150), st.data())
@settings(max_examples=120, deadline=None)
def test_every_leaf_is_proven_and_nothing_else(size: int, data: st.DataObject) -> None:
    leaves, nodes, frontier = tree(size)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, lambda level, i: nodes[level, i])
    root = frontier.root()
    assert included(leaf_hash(leaves[index]), index, size, proof, root)
    other = data.draw(st.integers(0, size - 1))
    if other != index:
        assert not included(leaf_hash(leaves[other]), index, size, proof, root)
        assert not included(leaf_hash(leaves[index]), other, size, proof, root)
    assert not included(leaf_hash(leaves[index]), index, size, [*proof, root], root)
    assert not included(leaf_hash(leaves[index]), size, size, proof, root)
    if proof:
        assert not included(leaf_hash(leaves[index]), index, size, proof[:-1], root)
        flipped = [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]]
        assert not included(leaf_hash(leaves[index]), index, size, flipped, root)


@given(st.integers(1, 120), st.data())
@settings(max_examples=120, deadline=None)
def test_growth_is_proven_and_forks_are_not(size: int, data: st.DataObject) -> None:
    leaves, nodes, frontier = tree(size)
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(old, size, lambda level, index: nodes[level, index])
    assert consistent(old, mth(leaves[:old]), size, frontier.root(), proof)
    forked = [b"x", *leaves[1:old]]
    assert not consistent(old, mth(forked), size, frontier.root(), proof)
    assert not consistent(size + 1, mth([*leaves, b"y"]), size, frontier.root(), proof)
    if old < size:
        assert not consistent(old, mth(leaves[:old]), size, mth([*leaves[:-1], b"z"]), proof)
