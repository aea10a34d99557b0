"""A small log that grows, forks and asks a witness: leaves, a key, nothing of a store."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from receipts.log.add_checkpoint import AddCheckpoint
from receipts.log.checkpoint import Checkpoint
from receipts.log.log_keys import LogKeys
from receipts.log.merkle import EMPTY_ROOT, Frontier, consistency_proof, leaf_hash, range_hash
from receipts.log.signing import Signer

ORIGIN = "ailyus.test/log"


@dataclass
class SmallLog:
    signer: Signer = field(default_factory=lambda: Signer(Ed25519PrivateKey.generate()))
    leaves: list[bytes] = field(default_factory=list)
    origin: str = ORIGIN

    @property
    def keys(self) -> LogKeys:
        return LogKeys.of(self.signer)

    def grow(self, count: int, mark: str = "") -> "SmallLog":
        self.leaves += [leaf_hash(f"{mark}{len(self.leaves) + n}".encode()) for n in range(count)]
        return self

    def fork(self, size: int) -> "SmallLog":
        return SmallLog(self.signer, self.leaves[:size], self.origin)

    def note(self) -> str:
        size = len(self.leaves)
        root = range_hash(0, size, self._node) if size else EMPTY_ROOT
        return self.signer.note(self.origin, Checkpoint(self.origin, size, root).body)

    def request(self, old: int) -> AddCheckpoint:
        return AddCheckpoint(old, tuple(consistency_proof(old, len(self.leaves), self._node)), self.note())

    def _node(self, level: int, index: int) -> bytes:
        frontier, nodes = Frontier(0, []), {}
        for leaf in self.leaves:
            nodes.update({(at, i): hashed for at, i, hashed in frontier.append(leaf)})
        return nodes[level, index]
