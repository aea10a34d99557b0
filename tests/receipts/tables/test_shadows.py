"""The shadow is kept with what came of it, counted once however many replicas write, and bounded."""

from typing import Any

import orjson
import pytest

from receipts.audit.audit import audit
from receipts.audit.roots import Roots
from receipts.journal.journal import Journal
from receipts.log.signing import Envelope
from receipts.store.row import Read, blob
from receipts.tables import shadows
from receipts.tables.shadows import MAX_ACTIONS, ShadowCount, ShadowFlip, ShadowRecord

A, B, LIVE = "a" * 64, "b" * 64, "c" * 64


def said(read: Read) -> list[dict[str, Any]]:
    """What the log says of shadows."""
    rows = read("SELECT envelope FROM statements WHERE kind = 'shadow' ORDER BY leaf_index")
    return [orjson.loads(Envelope.decode(blob(envelope)).payload)["predicate"]["about"] for (envelope,) in rows]


def record(digest: str = A, until_ms: int | None = None) -> ShadowRecord:
    return ShadowRecord(name="HEAD", by="lead", digest=digest, began_ms=1, package="{}", until_ms=until_ms)


def flip(kind: str = "wider", action: str = "act_1", count: int = 1) -> ShadowFlip:
    return ShadowFlip(
        tenant="acme", kind=kind, action="reset_user_mfa", agent="bot", before="denied", after="permitted",
        policies=("wall",), count=count, actions=(action,),
    )  # fmt: skip


@pytest.mark.both_stores
async def test_what_came_of_a_shadow_is_counted_until_another_one_begins(journal: Journal) -> None:
    store = journal.store
    assert await store.read_aside(shadows.current) is None
    await store.write(lambda txn: shadows.begin(txn, record(), journal.notary, LIVE))
    for action in ("act_1", "act_1", "act_2"):
        await store.write(lambda txn, one=action: shadows.add(txn, A, ShadowCount(wider=1), [flip(action=one)]))  # type: ignore[misc]
    await store.write(lambda txn: shadows.add(txn, A, ShadowCount(same=5, narrower=9), [flip("narrower", count=9)]))
    # of one that is not on any more
    await store.write(lambda txn: shadows.add(txn, "other", ShadowCount(same=100), [flip()]))
    kept = await store.read_aside(shadows.current)
    assert kept is not None
    assert kept.count == ShadowCount(same=5, wider=3, narrower=9)
    found = await store.read_aside(shadows.flips)
    assert [(one.kind, one.count, one.actions) for one in found] == [
        ("wider", 3, ("act_1", "act_2")), ("narrower", 9, ("act_1",)),
    ]  # fmt: skip
    assert await store.write(lambda txn: shadows.end(txn, journal.notary, LIVE, "second"))
    assert not await store.write(lambda txn: shadows.end(txn, journal.notary, LIVE, "third"))
    ended = await store.read_aside(shadows.current)
    assert ended is not None
    assert not ended.is_on(store.now_ms())
    assert ended.count == kept.count
    await store.write(lambda txn: shadows.begin(txn, record(B), journal.notary, LIVE))
    assert await store.read_aside(shadows.flips) == []
    # another one in its place ends it, and each word of it is in the log
    await store.write(lambda txn: shadows.begin(txn, record(), journal.notary, LIVE))
    words = await store.read_aside(said)
    assert [(one["event"], one["candidate"], one["by"]) for one in words] == [
        ("began", A, "lead"), ("ended", A, "second"), ("began", B, "lead"), ("ended", B, "lead"), ("began", A, "lead"),
    ]  # fmt: skip
    assert (words[1]["same"], words[1]["wider"], words[1]["narrower"]) == (5, 3, 9)


async def test_a_shadow_that_nobody_began_is_a_finding(journal: Journal) -> None:
    store, roots = journal.store, Roots.of(journal.store.origin, journal.store.keys)
    await store.write(lambda txn: shadows.begin(txn, record(), journal.notary, LIVE))
    assert await store.read_aside(lambda read: list(audit(read, roots))) == []
    sql = "UPDATE meta SET value = replace(value, 'lead', 'eve') WHERE key = 'shadow'"
    await store.write(lambda txn: txn.write(sql))
    found = await store.read_aside(lambda read: list(audit(read, roots)))
    assert found == ["the shadow `HEAD` is not what its statement says"]


def test_a_shadow_ends_by_itself() -> None:
    assert record().is_on(2**50)
    assert record(until_ms=10).is_on(9)
    assert not record(until_ms=10).is_on(10)


def test_few_actions_are_named_of_many() -> None:
    one = flip()
    for number in range(100):
        one = one.plus(flip(action=f"act_{number}"))
    assert (one.count, len(one.actions)) == (101, MAX_ACTIONS)


@pytest.mark.both_stores
async def test_kinds_of_flips_are_bounded(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadows, "MAX_FLIPS", 2)
    await journal.store.write(lambda txn: shadows.begin(txn, record(), journal.notary, LIVE))
    many = [flip().model_copy(update={"agent": f"bot-{number}"}) for number in range(5)]
    await journal.store.write(lambda txn: shadows.add(txn, A, ShadowCount(wider=5), many))
    assert len(await journal.store.read_aside(shadows.flips)) == 2
    kept = await journal.store.read_aside(shadows.current)
    assert kept is not None
    assert kept.count.wider == 5


async def test_a_row_that_cannot_be_read_is_none(journal: Journal) -> None:
    sql = "INSERT INTO meta VALUES (?, ?)"
    for key in ("shadow", "shadow/flip/x"):
        await journal.store.write(lambda txn, one=key: txn.write(sql, one, "{", rows=None))  # type: ignore[misc]
    assert await journal.store.read_aside(shadows.current) is None
    assert await journal.store.read_aside(shadows.flips) == []
