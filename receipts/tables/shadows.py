"""The shadow: a candidate release that decides beside the live one and permits nothing, as entries of `meta`.

Who begins and who ends it stands in the log. What it would have decided otherwise is only counted; of people and
records nothing is kept but the ids of actions.
"""

from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.canonical import new_id, sha256
from receipts.statement.gateway_facts import ShadowFacts
from receipts.statement.statement import Notary
from receipts.store.row import Read
from receipts.store.transaction import Txn

MAX_FLIPS: Final = 500
"""Kinds of flips that are kept of one shadow; of further ones only the number is."""
MAX_ACTIONS: Final = 20
"""Actions that are named behind one kind."""
_KEY: Final = "shadow"
_FLIP: Final = "shadow/flip/"
_GET: Final = "SELECT value FROM meta WHERE key = ?"
_SET: Final = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_ALL: Final = "SELECT value FROM meta WHERE key LIKE 'shadow/flip/%' ORDER BY key"


class _Kept(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # a newer gateway may keep more


class ShadowCount(_Kept):
    """How many decisions came out so. `unfit` could not be decided; `dropped` were not, since too many came at once."""

    same: int = Field(0, ge=0)
    wider: int = Field(0, ge=0)
    narrower: int = Field(0, ge=0)
    unfit: int = Field(0, ge=0)
    dropped: int = Field(0, ge=0)

    def plus(self, other: "ShadowCount") -> "ShadowCount":
        """Both together."""
        return ShadowCount(**{name: getattr(self, name) + getattr(other, name) for name in type(self).model_fields})


class ShadowRecord(_Kept):
    """One shadow: what people call it, who began it and when, its package as JSON, and what came of it so far.

    Times are milliseconds since the epoch; `until_ms` is when it ends by itself, `ended_ms` when it has ended, by whom
    where that is known.
    """

    name: str
    by: str
    digest: str
    began_ms: int
    package: str = Field(repr=False)
    until_ms: int | None = None
    ended_ms: int | None = None
    ended_by: str = ""
    count: ShadowCount = ShadowCount()

    def is_on(self, now_ms: int) -> bool:
        """Does it decide now?"""
        return self.ended_ms is None and (self.until_ms is None or now_ms < self.until_ms)


class ShadowFlip(_Kept):
    """Decisions of one kind that the shadow makes otherwise: how many, and the first actions."""

    tenant: str
    kind: str
    action: str
    agent: str
    before: str
    after: str
    policies: tuple[str, ...]
    count: int = 1
    actions: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What flips of this kind have in common, as a hash."""
        same = (self.tenant, self.kind, self.action, self.agent, self.before, self.after, *self.policies)
        return sha256("\0".join(same).encode())[:32]

    def plus(self, other: "ShadowFlip") -> "ShadowFlip":
        """Both together."""
        # an action is decided several times, and named once
        named = tuple(dict.fromkeys((*self.actions, *other.actions)))[:MAX_ACTIONS]
        return self.model_copy(update={"count": self.count + other.count, "actions": named})


def current(read: Read) -> ShadowRecord | None:
    """The shadow that is on, or the last one; None where none ever was, or its row cannot be read."""
    rows = read(_GET, _KEY)
    return _record(rows[0][0]) if rows else None


def flips(read: Read) -> list[ShadowFlip]:
    """Its flips: what lets more through first, then what happened most often."""
    found = []
    for (value,) in read(_ALL):
        try:
            found.append(ShadowFlip.model_validate_json(str(value)))
        except ValidationError:
            continue
    return sorted(found, key=lambda one: (one.kind != "wider", -one.count, one.action, one.id))


def begin(txn: Txn, record: ShadowRecord, notary: Notary, live: str) -> None:
    """Log and keep another shadow of the live release, in place of the last one and all that came of it."""
    end(txn, notary, live, record.by)
    _say(txn, notary, _facts(record, live).also({"event": "began", "by": record.by, "until_ms": record.until_ms}))
    txn.write("DELETE FROM meta WHERE key LIKE 'shadow/flip/%'", rows=None)
    txn.write(_SET, _KEY, record.model_dump_json(), rows=None)


def end(txn: Txn, notary: Notary, live: str, by: str) -> bool:
    """Log who ends the shadow, with what came of it, which stays. False where none is on."""
    record = current(txn.query)
    if record is None or not record.is_on(txn.now_ms):
        return False
    _say(txn, notary, _facts(record, live).also({"by": by, **record.count.model_dump()}))
    ended = record.model_copy(update={"ended_ms": txn.now_ms, "ended_by": by})
    txn.write(_SET, _KEY, ended.model_dump_json(), rows=None)
    return True


def add(txn: Txn, digest: str, count: ShadowCount, found: Iterable[ShadowFlip]) -> None:
    """Count what came of some decisions; those of a shadow that another one has replaced are left out."""
    record = current(txn.query)
    if record is None or record.digest != digest:
        return
    txn.write(_SET, _KEY, record.model_copy(update={"count": record.count.plus(count)}).model_dump_json(), rows=None)
    kept = {one.id: one for one in flips(txn.query)}
    for flip in found:
        former = kept.get(flip.id)
        # bounded: what the log of actions says does not grow with each kind that somebody makes up
        if former is None and len(kept) >= MAX_FLIPS:
            continue
        kept[flip.id] = flip if former is None else former.plus(flip)
        txn.write(_SET, _FLIP + flip.id, kept[flip.id].model_dump_json(), rows=None)


def _facts(record: ShadowRecord, live: str) -> ShadowFacts:
    return ShadowFacts(event="ended", candidate=record.digest, name=record.name, live=live, by="")


def _say(txn: Txn, notary: Notary, facts: ShadowFacts) -> None:
    subject = {"candidate": facts.candidate}
    notary.sign_gateway_statement(facts, new_id("rcp"), "", subject, txn.now_ms).insert(txn)


def _record(value: object) -> ShadowRecord | None:
    try:
        return ShadowRecord.model_validate_json(str(value))
    except ValidationError:
        return None
