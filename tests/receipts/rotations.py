"""Makes statements of rotations, and logs whose key was rotated."""

from collections.abc import Callable, Sequence

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.canonical import canonical, sha256
from receipts.log.log_keys import LogKeys
from receipts.log.merkle import Frontier, leaf_hash
from receipts.log.rotation import LogRotation, PublicKey, rotation_of
from receipts.log.signing import Envelope, Signer
from receipts.statement.gateway_facts import RotationFacts
from receipts.statement.statement import Notary

ORIGIN = "ailyus.test"


def signer() -> Signer:
    return Signer(Ed25519PrivateKey.generate())


def rotated(former: Signer, new: Signer, number: int = 0, by: Signer | None = None) -> Envelope:
    """The statement by which one key follows another; signed by the former, or `by` somebody."""
    facts = RotationFacts(
        of="log",
        keyid=new.keyid,
        public=new.public.hex(),
        former_keyid=former.keyid,
        former_public=former.public.hex(),
        by="ann",
        reason="yearly",
    )
    notary = Notary(by or former, ORIGIN, lambda _: bytes(32))
    return notary.sign_gateway_statement(
        facts, f"rcp_r{number}", "", {new.keyid: sha256(new.public)}, 5, search=("rotation",)
    ).envelope


def plain(by: Signer, number: int) -> Envelope:
    """Some other statement, in its canonical form."""
    predicate = {
        "receipt": f"rcp_{number}",
        "kind": "state",
        "action": None,
        "commitments": {},
        "status": "",
        "changed": None,
    }
    body = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "n", "digest": {"sha256": "0" * 64}}],
        "predicateType": "https://ailyus.dev/state/v1",
        "predicate": predicate,
    }
    return by.envelope(canonical(body))


def history(signers: Sequence[Signer], lengths: Sequence[int]) -> list[Envelope]:
    """A log: each key signs so many statements, and then the rotation to the next."""
    log: list[Envelope] = []
    for place, (own, length) in enumerate(zip(signers, lengths, strict=True)):
        log += [plain(own, len(log) + n) for n in range(length)]
        if place + 1 < len(signers):
            log.append(rotated(own, signers[place + 1], len(log)))
    return log


def nodes_of(log: Sequence[Envelope]) -> Callable[[int, int], bytes]:
    """The nodes of its tree, by level and index."""
    frontier = Frontier(0, [])
    nodes = {(level, index): node for one in log for level, index, node in frontier.append(leaf_hash(one.leaf()))}
    return lambda level, index: nodes[level, index]


def keys_of(log: Sequence[Envelope], first: Signer) -> LogKeys:
    """The keys of a log, for who trusts its first one."""
    keys = LogKeys.of(first)
    for index, envelope in enumerate(log):
        rotation = rotation_of(envelope)
        if rotation is not None:
            keys = keys.after(rotation, index)
    return keys


def as_rotation(former: Signer, new: Signer) -> LogRotation:
    return LogRotation(PublicKey(new.keyid, new.public), PublicKey(former.keyid, former.public))


def about(envelope: Envelope) -> dict[str, object]:
    found = orjson.loads(envelope.payload)["predicate"]["about"]
    return dict(found)
