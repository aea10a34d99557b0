"""The Merkle tree log of RFC 6962 / RFC 9162 section 2.1, C2SP checkpoints and proofs. Pure functions over hashes.

`Frontier` grows the tree, `inclusion_proof` and `consistency_proof` make proofs, `included` and `consistent` check
them; `Checkpoint` and `LogProof` are the two texts that leave the gateway. It keeps nothing and signs nothing: nodes
come from the store, signatures from `receipts/log/signing.py`. The stores call it at each commit, `verify` and
`audit` when they check.

- A leaf, once appended, MUST NOT change its place or its hash: the tree only grows (invariant 10).
- Leaves and nodes MUST be hashed under different prefixes, so that one cannot pass for the other.
- A check MUST compute the root from what it is given, and MUST refuse a proof that is too long or too short.
- A text or a hash that is not in canonical form MUST be refused.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from contracts.errors import AilyusError

Node = Callable[[int, int], bytes]
"""`node(level, index)`: the hash of the complete subtree of 2^level leaves that starts at leaf index·2^level."""

PROOF_HEADER = "c2sp.org/tlog-proof@v1"


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


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
    return last == 0 and current == root


def consistent(old: int, old_root: bytes, size: int, root: bytes, proof: list[bytes]) -> bool:
    """Verify a consistency proof (RFC 9162 section 2.1.4.2)."""
    if old == size:
        return not proof and old_root == root
    if old == 0 or old > size or not proof:
        return False
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


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head (https://c2sp.org/tlog-checkpoint).

    ```
    ailyus.local/w
    42
    qINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=
    ```
    """

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The note text that is signed, with its final newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, body: str) -> "Checkpoint":
        """Parse a note text; whatever is not canonical is refused."""
        lines = body.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0] or not re.fullmatch(r"0|[1-9]\d{0,18}", lines[1]):
            raise AilyusError("bad_proof", "the checkpoint is malformed")
        return cls(lines[0], int(lines[1]), decode(lines[2]))

    @classmethod
    def of_note(cls, note: str) -> "Checkpoint":
        """The tree head that a signed note holds; whether its signature holds is asked apart (`open_note`)."""
        return cls.parse(note.rpartition("\n\n")[0] + "\n")


@dataclass(frozen=True, slots=True)
class LogProof:
    """A `tlog-proof@v1` file (https://c2sp.org/tlog-proof): index, inclusion hashes, signed checkpoint.

    ```
    c2sp.org/tlog-proof@v1
    index 7
    <base64 hash>

    ailyus.local/w
    8
    …

    — ailyus.local/w <base64 key hash and signature>
    ```
    """

    index: int
    hashes: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """The file's text."""
        hashes = "".join(base64.b64encode(h).decode() + "\n" for h in self.hashes)
        return f"{PROOF_HEADER}\nindex {self.index}\n{hashes}\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> "LogProof":
        """Parse the file's text; whatever is not canonical is refused."""
        head, separator, note = text.partition("\n\n")
        lines = head.split("\n")
        if not separator or len(lines) < 2 or lines[0] != PROOF_HEADER or len(lines) > 66:
            raise AilyusError("bad_proof", "this is no tlog-proof@v1")
        if not re.fullmatch(r"index (0|[1-9]\d{0,18})", lines[1]):
            raise AilyusError("bad_proof", "the leaf's index is malformed")
        return cls(int(lines[1][6:]), tuple(decode(line) for line in lines[2:]), note)


def decode(text: str, length: int = 32) -> bytes:
    """Canonical base64 of exactly `length` bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise AilyusError("bad_proof", "a hash is no base64") from None
    if len(data) != length or base64.b64encode(data).decode() != text:
        raise AilyusError("bad_proof", "a hash is not canonical")
    return data
