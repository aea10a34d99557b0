"""The rotation of a log's key, as its statement names it: the former key signs it, and the new one goes on.

`{"of":"log","keyid":"…","public":"<hex>","formerKeyid":"…","formerPublic":"<hex>",…}` in `about`, under the predicate
type `https://ailyus.dev/rotation/v1`. It stands in this floor since whoever opens a log must know its keys first.
"""

from dataclasses import dataclass
from typing import Final

import orjson

from policies.principal import keyid_of
from receipts.log.signing import Envelope

PREDICATE_TYPE: Final = "https://ailyus.dev/rotation/v1"
MARK: Final = "rotation"
"""The search value of every statement of a rotation."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key (raw Ed25519, 32 bytes) and the id that its SHA-256 begins with."""

    keyid: str
    public: bytes


@dataclass(frozen=True, slots=True)
class LogRotation:
    """From the next statement on, `key` signs in place of `former`."""

    key: PublicKey
    former: PublicKey


def rotation_of(envelope: Envelope) -> LogRotation | None:
    """The rotation that a statement tells of; None for every other one. The signature is asked apart.

    INVARIANT: the key that signs the statement is the one that it names as the former.
    """
    if MARK.encode() not in envelope.payload:  # most statements of a log are not parsed for this
        return None
    try:
        statement = orjson.loads(envelope.payload)
        about = statement["predicate"]["about"]
        if statement["predicateType"] != PREDICATE_TYPE or about["of"] != "log":
            return None
        key = PublicKey(about["keyid"], bytes.fromhex(about["public"]))
        former = PublicKey(about["formerKeyid"], bytes.fromhex(about["formerPublic"]))
    except (ValueError, KeyError, TypeError):
        return None
    named = all(len(one.public) == 32 and keyid_of(one.public) == one.keyid for one in (key, former))
    # guard: a rotation by its former key
    return LogRotation(key, former) if named and key != former and envelope.keyid == former.keyid else None
