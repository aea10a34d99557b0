"""The Merkle tree log of RFC 6962 / RFC 9162 section 2.1. Pure functions over hashes.

`Frontier` grows the tree, `inclusion_proof` and `consistency_proof` make proofs, `included` and `consistent` check
them. It keeps nothing and signs nothing: nodes come from the store, signatures from `receipts/log/signing.py`, and the
texts that leave the gateway are in `receipts/log/checkpoint.py`. The stores call it at each commit, `verify` and
`audit` when they check.

- A leaf, once appended, MUST NOT change its place or its hash: the tree only grows (invariant 10).
- Leaves and nodes MUST be hashed under different prefixes, so that one cannot pass for the other.
- A check MUST compute the root from what it is given, and MUST refuse a proof that is too long or too short.
- A text or a hash that is not in canonical form MUST be refused.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Node = Callable[[int, int], bytes]
"""`node(level, index)`: the hash of the complete subtree of 2^level leaves that starts at leaf index·2^level."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


# RFC 9162 section 2.1.1: the hash of an empty list is that of the empty string
EMPTY_ROOT = hashlib.sha256(b"").digest()


@dataclass(slots=True)
class Frontier:
    """The right edge of a growing tree: the roots of its complete subtrees, largest first."""

    size: int
    peaks: list[bytes]

    @classmethod
    def of(cls, size: int, node: Node) -> "Frontier":
        """The frontier of a stored tree."""
        return cls(size, [node(level, index) for level, index in peaks_of(size)])

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add one leaf hash; returns the newly complete nodes as (level, index, hash)."""
        new = [(0, self.size, leaf)]
        carry, index = leaf, self.size
        level = 0
        while index & 1:
            carry = node_hash(self.peaks.pop(), carry)
            index >>= 1
            level += 1
            new.append((level, index, carry))
        self.peaks.append(carry)
        self.size += 1
        return new

    def root(self) -> bytes:
        """The tree head over all leaves so far."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        # from the right: the smallest subtree is hashed first (RFC 9162 section 2.1.1)
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def peaks_of(size: int) -> list[tuple[int, int]]:
    """Level and index of every complete subtree at the right edge of a tree, largest first."""
    peaks, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            peaks.append((level, start >> level))
            start += 1 << level
    return peaks


def range_hash(low: int, high: int, node: Node) -> bytes:
    """The hash over leaves low..high-1 (MTH of RFC 9162 section 2.1.1) from complete subtrees."""
    width = high - low
    level = width.bit_length() - 1
    if width == 1 << level and low % width == 0:
        return node(level, low >> level)
    split = 1 << ((width - 1).bit_length() - 1)
    return node_hash(range_hash(low, low + split, node), range_hash(low + split, high, node))


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162 section 2.1.3.1."""
    return _path(index, 0, size, node)


def _path(index: int, low: int, high: int, node: Node) -> list[bytes]:
    if high - low == 1:
        return []
    split = 1 << ((high - low - 1).bit_length() - 1)
    if index < split:
        return [*_path(index, low, low + split, node), range_hash(low + split, high, node)]
    return [*_path(index - split, low + split, high, node), range_hash(low, low + split, node)]


def consistency_proof(old: int, size: int, node: Node) -> list[bytes]:
    """PROOF(old, D[size]) of RFC 9162 section 2.1.4.1."""
    return [] if old in (0, size) else _subproof(old, 0, size, True, node)


def _subproof(old: int, low: int, high: int, whole: bool, node: Node) -> list[bytes]:
    if old == high - low:
        return [] if whole else [range_hash(low, high, node)]
    split = 1 << ((high - low - 1).bit_length() - 1)
    if old <= split:
        return [*_subproof(old, low, low + split, whole, node), range_hash(low + split, high, node)]
    return [*_subproof(old - split, low + split, high, False, node), range_hash(low, low + split, node)]


def included(leaf: bytes, index: int, size: int, proof: Iterable[bytes], root: bytes) -> bool:
    """Verify an inclusion proof (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    first, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            current = node_hash(sibling, current)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            current = node_hash(current, sibling)
        first >>= 1
        last >>= 1
    # `last` is 0 only when the whole way up was given: a proof that ends early is refused
    return last == 0 and current == root


def consistent(old: int, old_root: bytes, size: int, root: bytes, proof: list[bytes]) -> bool:
    """Verify a consistency proof (RFC 9162 section 2.1.4.2)."""
    if old == size:
        return not proof and old_root == root
    # nothing follows from an empty tree: every log would continue it
    if old == 0 or old > size or not proof:
        return False
    # a complete old tree is its own first node, which the proof therefore leaves out (section 2.1.4.2)
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    first, last = old - 1, size - 1
    while first & 1:
        first >>= 1
        last >>= 1
    old_seen = new_seen = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            old_seen, new_seen = node_hash(sibling, old_seen), node_hash(sibling, new_seen)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            new_seen = node_hash(new_seen, sibling)
        first >>= 1
        last >>= 1
    return last == 0 and old_seen == old_root and new_seen == root
