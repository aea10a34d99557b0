"""What was released: the signed statements of releases, who released each, and the files that they keep.

Rows only lead to a statement. Each statement MUST carry the signature of the log's key, and each file MUST open its
commitment in it, before either counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import JsonValue, ValidationError

from contracts.canonical import commitment
from contracts.errors import AilyusError
from policies.signed_release import SignedRelease
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Envelope
from receipts.statement.statement import PREDICATE
from receipts.store.row import Read, blob, integer
from receipts.store.transaction import Txn

MARK: Final = "release"
"""The search value of every statement of a release; each has its digest as another."""
FILE: Final = "file/"
"""What the label of a kept file begins with; its path in the workspace follows."""
_SALT: Final = 16
SIGNED: Final = "signed"
RELEASERS: Final = "releasers"
_SQL: Final = (
    "SELECT s.leaf_index, s.envelope FROM search AS w JOIN statements AS s USING (leaf_index) WHERE w.value = ?"
    " ORDER BY s.leaf_index DESC"
)


@dataclass(frozen=True, slots=True)
class Predicate:
    """What is read of a release's signed statement."""

    at_ms: int
    about: dict[str, JsonValue]
    commitments: dict[str, str]


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """One release as its statement says it. `signed` is the author's signature; None for what nobody signed."""

    leaf: int
    at_ms: int
    digest: str
    author: str | None
    governed: bool
    engine: str
    signed: SignedRelease | None
    releasers: frozenset[str] | None


def newest(read: Read, keys: LogKeys) -> ReleaseRecord | None:
    """The last release in the log; None when there is none that this version of ailyus wrote."""
    # in the order of the log: a clock may have been wrong
    rows = read(f"{_SQL} LIMIT 1", MARK)
    return _released(read, integer(rows[0][0]), blob(rows[0][1]), keys) if rows else None


def history(read: Read, keys: LogKeys, most: int) -> list[ReleaseRecord]:
    """The last releases, the newest first; at most so many."""
    rows = read(f"{_SQL} LIMIT ?", MARK, most)
    return [_released(read, integer(leaf), blob(envelope), keys) for leaf, envelope in rows]


def newest_leaf(txn: Txn) -> int:
    """Inside a commit: where the last release stands in the log; -1 when there is none."""
    rows = txn.query("SELECT max(leaf_index) FROM search WHERE value = ?", MARK)
    return -1 if rows[0][0] is None else integer(rows[0][0])


def newest_signed(read: Read, keys: LogKeys) -> ReleaseRecord | None:
    """The last release that its author signed."""
    for leaf, envelope in read(_SQL, MARK):
        found = _released(read, integer(leaf), blob(envelope), keys)
        if found.signed is not None:
            return found
    return None


def authors(read: Read, digest: str, keys: LogKeys) -> frozenset[str]:
    """Everybody who ever released exactly this."""
    found = [_released(read, integer(leaf), blob(envelope), keys) for leaf, envelope in read(_SQL, digest)]
    # INVARIANT 2: also who released it long ago is an author of it, and approves nothing under it
    return frozenset(one.author for one in found if one.author is not None)


def opened(read: Read, released: ReleaseRecord, keys: LogKeys, is_wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The evidence of a release under these labels; each opens its commitment. Raises `AilyusError`."""
    rows = read("SELECT envelope FROM statements WHERE leaf_index = ?", released.leaf)
    committed = _about(released.leaf, blob(rows[0][0]), keys).commitments
    kept = _evidence(read, released.leaf)
    found: dict[str, bytes] = {}
    for label, promised in committed.items():
        if not is_wanted(label):
            continue
        salt, data = kept.get(label, (b"", b""))
        if not _opens(salt, data, promised):  # guard: files of the last release
            raise _damaged(f"the evidence `{label}` of the last release is missing or was changed")
        found[label] = data
    return found


def _evidence(read: Read, leaf: int) -> dict[str, tuple[bytes, bytes]]:
    rows = read("SELECT label, salt, data FROM evidence WHERE leaf_index = ?", leaf)
    return {str(label): (blob(salt), blob(data)) for label, salt, data in rows}


def _released(read: Read, leaf: int, envelope: bytes, keys: LogKeys) -> ReleaseRecord:
    predicate = _about(leaf, envelope, keys)
    about, committed = predicate.about, predicate.commitments
    kept = _evidence_of(read, leaf, (SIGNED, RELEASERS))
    for label, (salt, data) in kept.items():
        if not _opens(salt, data, committed.get(label)):
            raise _damaged(f"the evidence `{label}` of a release was changed")
    # without its signature a governed release would pass for one that nobody had to sign
    if SIGNED in committed and SIGNED not in kept:
        raise _damaged("the signature of a release is missing")
    try:
        signed = SignedRelease.model_validate_json(kept[SIGNED][1]) if SIGNED in kept else None
        names: Sequence[str] | None = orjson.loads(kept[RELEASERS][1]) if RELEASERS in kept else None
        return ReleaseRecord(
            leaf,
            predicate.at_ms,
            str(about["release"]),
            None if about["author"] is None else str(about["author"]),
            bool(about["governed"]),
            str(about.get("engine", "")),
            signed,
            None if names is None else frozenset(names),
        )
    except (ValidationError, KeyError, ValueError):
        raise _damaged("the statement of a release is damaged") from None


def _evidence_of(read: Read, leaf: int, labels: Sequence[str]) -> dict[str, tuple[bytes, bytes]]:
    found = {}
    for label in labels:
        for salt, data in read("SELECT salt, data FROM evidence WHERE leaf_index = ? AND label = ?", leaf, label):
            found[label] = (blob(salt), blob(data))
    return found


def _opens(salt: bytes, data: bytes, promised: str | None) -> bool:
    # a salt of another length would let bytes of the data be moved into it: then any rest of a file would open
    return len(salt) == _SALT and commitment(salt, data) == promised


def _about(leaf: int, data: bytes, keys: LogKeys) -> Predicate:
    # INVARIANT: a row that the log's key did not sign as a release says nothing
    envelope = Envelope.decode(data)
    statement = orjson.loads(envelope.payload)
    if not keys.holds(envelope, leaf) or statement.get("predicateType") != PREDICATE.format(kind="release"):
        raise _damaged("the statement of a release does not carry the signature of the log's key")
    predicate = statement["predicate"]
    return Predicate(predicate["atMs"], predicate["about"], predicate["commitments"])


def _damaged(sentence: str) -> AilyusError:
    return AilyusError("store_corrupt", sentence)
