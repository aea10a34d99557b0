"""The shadow is kept with what came of it, counted once however many replicas write, and bounded."""

import pytest

from receipts.journal.journal import Journal
from receipts.tables import shadows
from receipts.tables.shadows import MAX_ACTIONS, ShadowCount, ShadowFlip, ShadowRecord


def record(digest: str = "d1", until_ms: int | None = None) -> ShadowRecord:
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
    await store.write(lambda txn: shadows.begin(txn, record()))
    for action in ("act_1", "act_1", "act_2"):
        await store.write(lambda txn, one=action: shadows.add(txn, "d1", ShadowCount(wider=1), [flip(action=one)]))  # type: ignore[misc]
    await store.write(lambda txn: shadows.add(txn, "d1", ShadowCount(same=5, narrower=9), [flip("narrower", count=9)]))
    # of one that is not on any more
    await store.write(lambda txn: shadows.add(txn, "other", ShadowCount(same=100), [flip()]))
    kept = await store.read_aside(shadows.current)
    assert kept is not None
    assert kept.count == ShadowCount(same=5, wider=3, narrower=9)
    found = await store.read_aside(shadows.flips)
    assert [(one.kind, one.count, one.actions) for one in found] == [
        ("wider", 3, ("act_1", "act_2")), ("narrower", 9, ("act_1",)),
    ]  # fmt: skip
    assert await store.write(shadows.end)
    assert not await store.write(shadows.end)
    ended = await store.read_aside(shadows.current)
    assert ended is not None
    assert not ended.is_on(store.now_ms())
    assert ended.count == kept.count
    await store.write(lambda txn: shadows.begin(txn, record("d2")))
    assert await store.read_aside(shadows.flips) == []


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
    await journal.store.write(lambda txn: shadows.begin(txn, record()))
    many = [flip().model_copy(update={"agent": f"bot-{number}"}) for number in range(5)]
    await journal.store.write(lambda txn: shadows.add(txn, "d1", ShadowCount(wider=5), many))
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
