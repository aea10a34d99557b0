"""The losses of a log: where a store that came out of a backup went on, as the people who accepted it signed.

The signature of each is verified again: by a key that the log knew by then, as the document that its statement names.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Final

import orjson
from pydantic import JsonValue, ValidationError

from contracts.canonical import pseudonym
from contracts.errors import AilyusError
from policies.principal import Key, Passkey, key_kind, keyid_of
from policies.signed_loss import SignedLoss, check_loss
from receipts.journal.loss import SEARCH
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Envelope
from receipts.statement.gateway_facts import LossFacts
from receipts.store.row import Read, Value, blob, integer

_SQL: Final = (
    "SELECT s.leaf_index, s.envelope FROM search AS w JOIN statements AS s USING (leaf_index) WHERE w.value = ?"
    " AND s.kind = 'loss' ORDER BY s.leaf_index"
)
_KEYS: Final = "SELECT leaf_index, envelope FROM statements WHERE kind = 'key' AND leaf_index < ? ORDER BY leaf_index"
_SIGNED: Final = "SELECT data FROM evidence WHERE leaf_index = ? AND label = 'signed'"
Predicate = Mapping[str, JsonValue]


def losses(read: Read, keys: LogKeys) -> list[str]:
    """Each accepted loss as one sentence, in the order of the log. What no trusted key signed is left to the audit."""
    return [said for leaf, data in read(_SQL, SEARCH) if (said := _sentence(leaf, blob(data), keys))]


def loss_faults(read: Read, keys: LogKeys) -> Iterator[str]:
    """Each loss whose statement a trusted key signed, and that no person's key can be shown to have signed."""
    for leaf, data in read(_SQL, SEARCH):
        predicate = _predicate(leaf, blob(data), keys)
        kept = read(_SIGNED, leaf)
        # evidence that is missing is a finding of the walk, unless a statement says that it was erased
        if predicate is None or not kept:
            continue
        about = predicate["about"]
        signed = _signed(blob(kept[0][0]))
        is_own = signed is not None and isinstance(about, dict) and _says(signed, about)
        # guard: the person's signature under a loss
        if signed is None or not is_own or not _holds(signed, _key_at(read, leaf, signed, keys)):
            yield f"the loss at leaf {leaf!s} is not signed by a key that was linked to who accepted it"


def _signed(data: bytes) -> SignedLoss | None:
    try:
        return SignedLoss.model_validate_json(data)
    except ValidationError:
        return None


def _says(signed: SignedLoss, about: Predicate) -> bool:
    """Is the statement about this very document?"""
    said = signed.document
    stated = (about["by"], about["keyid"], about["signed"], about["reason"])
    heads = tuple(about[name] for name in ("rememberedSize", "rememberedRoot", "restoredSize", "restoredRoot"))
    own = (said.remembered_size, said.remembered_root, said.restored_size, said.restored_root)
    return stated == (said.person, signed.keyid, said.digest, said.reason) and heads == own


def _holds(signed: SignedLoss, key: Key | None) -> bool:
    try:
        # the workspace's own word of then, whether keys for development count, stands in no statement
        check_loss(signed, key, development=True)
    except AilyusError:
        return False
    return True


def _key_at(read: Read, leaf: Value, signed: SignedLoss, keys: LogKeys) -> Key | None:
    """The key that signed, as the log knew it before this leaf; None where it was not this person's."""
    found: Key | None = None
    tenants = {str(tenant): blob(key) for tenant, key in read("SELECT tenant, key FROM tenant_keys")}
    for at, data in read(_KEYS, leaf):
        predicate = _predicate(at, blob(data), keys)
        about = predicate["about"] if predicate else None
        if predicate is None or not isinstance(about, dict) or about.get("keyid") != signed.keyid:
            continue
        if about.get("event") != "linked":
            found = None  # a revocation takes it away, and a later link gives it back
            continue
        public, tenant = bytes.fromhex(str(about["public"])), tenants.get(str(predicate["tenant"]))
        person = signed.document.person
        is_theirs = tenant is not None and pseudonym(tenant, "person", person) == about.get("holder")
        is_named = keyid_of(public) == signed.keyid
        kind, places = key_kind(about["keyKind"]), (about.get(name, "") for name in ("credential", "rpId", "origin"))
        place = Passkey(*(str(one) for one in places)) if kind == "passkey" else None
        found = Key(signed.keyid, public, person, kind, passkey=place) if is_theirs and is_named else None
    return found


def _predicate(leaf: Value, data: bytes, keys: LogKeys) -> Predicate | None:
    """What a statement says that a trusted key signed; None where none did."""
    try:
        envelope = Envelope.decode(data)
    except AilyusError:
        return None
    predicate = orjson.loads(envelope.payload)["predicate"] if keys.holds(envelope, integer(leaf)) else None
    return predicate if isinstance(predicate, dict) else None


def _sentence(leaf: Value, data: bytes, keys: LogKeys) -> str:
    predicate = _predicate(leaf, data, keys)
    if predicate is None:
        return ""
    about, at_ms = LossFacts.model_validate_json(orjson.dumps(predicate["about"])), integer(predicate["atMs"])
    on = dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    size = about.remembered_size
    known = "an unknown number of statements" if size is None else f"a log that was remembered at {size}"
    went_on = f"the log went on from {about.restored_size} in place of {known}"
    return f"`{about.by}` accepted a loss at leaf {leaf!s}, {on}: {went_on}: {about.reason}"
