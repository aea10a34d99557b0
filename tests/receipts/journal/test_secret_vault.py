"""Secrets under handles: sealed in the store, used once at each declared field, opened for that use alone."""

import stat
from pathlib import Path

import pytest

from contracts.action.request import ActionRequest
from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.journal.secret_vault import LIFETIME_MS, SecretVault, consume, delete_spent, restore
from receipts.store.row import blob
from tests.receipts.making import journal_at, request, store_at
from tests.receipts.stages import Clock, end, rows, send

SECRET = "hunter2 ⚿"
PLACES = ("first.value", "second.value")


async def minted(journal: Journal, plan: str | None = None) -> str:
    """The handle of a secret that two fields may have."""
    ids, new = journal.handles.seal(request(), plan, "act_maker", {"secret": (SECRET, PLACES)}, journal.store.now_ms())
    await journal.store.write(new.insert)
    return ids["secret"]


async def use(
    journal: Journal, handle: str, place: str, action: str, by: ActionRequest | None = None, plan: str | None = None
) -> None:
    await journal.store.write(lambda txn: consume(txn, by or request(), plan, action, [(handle, place)]))


async def test_a_value_opens_for_the_action_and_field_that_used_its_handle(journal: Journal) -> None:
    handle = await minted(journal)
    assert await journal.handles.open(handle, PLACES[0], "act_user") is None
    await use(journal, handle, PLACES[0], "act_user")
    assert await journal.handles.open(handle, PLACES[0], "act_user") == SECRET
    assert await journal.handles.open(handle, PLACES[1], "act_user") is None
    assert await journal.handles.open(handle, PLACES[0], "act_other") is None


async def test_each_field_is_used_once_and_by_the_same_action_again(journal: Journal) -> None:
    handle = await minted(journal)
    await use(journal, handle, PLACES[0], "act_user")
    await use(journal, handle, PLACES[0], "act_user")  # another attempt of it
    await use(journal, handle, PLACES[1], "act_other")
    with pytest.raises(AilyusError) as caught:
        await use(journal, handle, PLACES[0], "act_other")
    assert caught.value.code == "bad_handle"


@pytest.mark.parametrize(
    ("by", "place", "plan"),
    [
        (request(tenant="umbrella"), PLACES[0], "act_plan"),
        (request(person="eve"), PLACES[0], "act_plan"),
        (request(), "third.value", "act_plan"),
        (request(), PLACES[0], "act_another_plan"),
        (request(), PLACES[0], None),
    ],
)
async def test_nobody_else_and_no_other_field_or_plan_gets_it(
    journal: Journal, by: ActionRequest, place: str, plan: str | None
) -> None:
    handle = await minted(journal, plan="act_plan")
    with pytest.raises(AilyusError) as caught:
        await use(journal, handle, place, "act_user", by, plan)
    assert (caught.value.code, caught.value.sentence) == (
        "bad_handle", "the handle is unknown, used or expired, or not meant for this field",
    )  # fmt: skip
    assert await journal.store.read("SELECT 1 FROM handle_uses") == []
    await use(journal, handle, PLACES[0], "act_user", plan="act_plan")


async def test_it_is_over_after_fifteen_minutes_and_the_value_is_dropped(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    handle = await minted(journal)
    clock.now_ms += LIFETIME_MS - 1
    await journal.handles.forget_expired()
    assert await rows(journal, "sealed IS NULL", "handles") == [(0,)]
    clock.now_ms += 1
    with pytest.raises(AilyusError):
        await use(journal, handle, PLACES[0], "act_user")
    await journal.handles.forget_expired()
    assert await rows(journal, "sealed IS NULL", "handles") == [(1,)]
    await journal.store.aclose()


async def test_a_value_is_dropped_when_each_field_has_it_and_given_back_when_nothing_changed(journal: Journal) -> None:
    handle = await minted(journal)
    first, second = await send(journal, "first"), await send(journal, "second")
    await use(journal, handle, PLACES[0], first.id)
    await use(journal, handle, PLACES[1], second.id)
    await end(journal, first)
    await journal.store.write(lambda txn: delete_spent(txn, first.id))
    assert await rows(journal, "sealed IS NULL", "handles") == [(0,)], "the second is still under way"
    await journal.store.write(lambda txn: restore(txn, second.id))
    await use(journal, handle, PLACES[1], second.id)
    await end(journal, second)
    await journal.store.write(lambda txn: delete_spent(txn, second.id))
    assert await rows(journal, "sealed IS NULL", "handles") == [(1,)]


async def test_the_store_holds_neither_the_value_nor_the_key(tmp_path: Path) -> None:
    journal = await journal_at(tmp_path / "s.db")
    handle = await minted(journal)
    key = (tmp_path / "s.secrets").read_bytes()
    assert (len(key), stat.S_IMODE((tmp_path / "s.secrets").stat().st_mode)) == (32, 0o600)
    ((sealed,),) = await rows(journal, "sealed", "handles")
    assert SECRET.encode() not in blob(sealed)
    await use(journal, handle, PLACES[0], "act_user")
    await journal.store.write(lambda txn: txn.write("UPDATE handles SET sealed = ?", blob(sealed)[:-1] + b"\0"))
    with pytest.raises(AilyusError) as caught:
        await journal.handles.open(handle, PLACES[0], "act_user")
    assert (caught.value.code, caught.value.sentence) == ("store_corrupt", "a sealed secret does not open")
    await journal.store.aclose()
    files = b"".join(p.read_bytes() for p in tmp_path.glob("s.db*"))
    assert key not in files
    assert SECRET.encode() not in files


async def test_every_replica_has_the_same_key(tmp_path: Path) -> None:
    store = store_at(tmp_path / "s.db")
    first, same, other = (SecretVault(store, tmp_path / name) for name in ("a", "a", "b"))
    await first.check()
    await same.check()
    with pytest.raises(AilyusError) as caught:
        await other.check()
    assert caught.value.code == "bad_settings"
    assert first.derived(b"x") == same.derived(b"x") != first.derived(b"y")
    assert first.derived(b"x") != other.derived(b"x")
    (tmp_path / "c").write_bytes(b"short")
    with pytest.raises(AilyusError, match="`c` is no key for sealed secrets"):
        SecretVault(store, tmp_path / "c")
    await store.aclose()


async def test_no_two_seals_of_the_same_value_are_alike(journal: Journal) -> None:
    values = {"a": (SECRET, PLACES), "b": (SECRET, PLACES)}
    ids, new = journal.handles.seal(request(), None, "act_maker", values, 0)
    await journal.store.write(new.insert)
    (first,), (second,) = await rows(journal, "sealed", "handles")
    assert ids["a"] != ids["b"]
    assert first != second
    assert (
        await rows(journal, "destinations, expires_ms", "handles")
        == [('["first.value","second.value"]', LIFETIME_MS)] * 2
    )
