"""What people do to an action that waits: each transition once, guarded by the fence and by what was taken back."""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.canonical import new_id
from contracts.errors import AilyusError
from policies.approval import SignedApproval
from policies.passkey import Assertion, encode
from policies.principal import Key, Passkey
from receipts.action.action import Action
from receipts.journal.journal import Journal
from receipts.journal.registry import insert_key
from receipts.statement.statement import StatementSubject
from receipts.store.transaction import Conflict
from tests.free import free
from tests.receipts.making import action, approval, journal_at, request, seal
from tests.receipts.stages import Clock, ask, rows, stored


async def approve(
    journal: Journal, of: Action, signed: SignedApproval, *, ready: bool = True, withdrawn: int = 0
) -> None:
    await journal.approve(of, signed, seal(journal, of, "decision", "approved"), ready, withdrawn)


async def withdraw(journal: Journal, of: Action, signed: SignedApproval) -> None:
    about = StatementSubject(of.request, of.id, "release-1", True)
    facts = free("decision", {"approval": signed.id})
    sealed = journal.notary.seal(
        facts, new_id("rcp"), about, status="withdrawn", changed=None, at_ms=journal.store.now_ms(), evidence={}
    )
    await journal.withdraw(of, signed.id, sealed)


async def test_one_of_several_approvals_leaves_it_waiting(journal: Journal) -> None:
    of = await ask(journal, action())
    await approve(journal, of, approval(of), ready=False)
    assert (await stored(journal, of)).state == "waiting"
    await approve(journal, of, approval(of, "director", "m"))
    assert (await stored(journal, of)).state == "ready"
    assert await rows(journal, "person, role", "approvals") == [("lead", "SecurityLead"), ("director", "SecurityLead")]


async def test_a_person_counts_once_for_an_action(journal: Journal) -> None:
    of = await ask(journal, action())
    await approve(journal, of, approval(of), ready=False)
    with pytest.raises(Conflict):
        await approve(journal, of, approval(of, nonce="again"))
    assert (await stored(journal, of)).state == "waiting"
    assert await rows(journal, "id", "approvals") == [(approval(of).id,)]


async def test_an_approval_under_an_older_fence_leaves_nothing(journal: Journal) -> None:
    of = await ask(journal, action())
    with pytest.raises(Conflict):
        await approve(journal, replace(of, fence=of.fence + 1), approval(of))
    assert await rows(journal, "id", "approvals") == []
    assert await journal.store.read("SELECT count(*) FROM statements WHERE status = 'approved'") == [(0,)]


async def test_one_that_was_taken_back_meanwhile_is_not_recorded(journal: Journal) -> None:
    """It was read as none of those taken back before one more was; so it has to be looked at again."""
    of = await ask(journal, action())
    first = approval(of)
    await approve(journal, of, first)
    await withdraw(journal, await stored(journal, of), first)
    waiting = await stored(journal, of)
    assert (waiting.state, await journal.withdrawn(of.id)) == ("waiting", [first.id])
    with pytest.raises(Conflict):
        await approve(journal, waiting, first, withdrawn=0)
    await approve(journal, waiting, approval(of, nonce="new"), withdrawn=1)


async def test_what_an_intent_used_is_not_taken_back(journal: Journal) -> None:
    of = await ask(journal, action())
    signed = approval(of)
    await approve(journal, of, signed)
    ready = await stored(journal, of)
    await journal.store.write(lambda txn: txn.write("INSERT INTO approval_uses VALUES (?, ?, 1)", signed.id, of.id))
    with pytest.raises(Conflict):
        await withdraw(journal, ready, signed)
    assert await rows(journal, "id", "approvals") == [(signed.id,)]


async def test_the_bound_of_a_tenant_holds_whoever_asks(tmp_path: Path) -> None:
    """Each agent is below its own bound, and the next one is refused for its tenant's sake."""
    journal = await journal_at(tmp_path / "s.db")
    journal._pending = (2, 3)
    for agent in ("one", "one", "two"):
        await ask(journal, replace(action(), request=request(f"of {agent} {journal.store.commits}", agent=agent)))
    with pytest.raises(AilyusError) as caught:
        await ask(journal, replace(action(), request=request("last", agent="three")))
    assert (caught.value.code, caught.value.sentence) == ("too_many_pending", "too many requests wait for a person")
    await journal.store.aclose()


async def test_a_passkey_that_does_not_count_on_approves_nothing(journal: Journal) -> None:
    of = await ask(journal, action())
    key = Key("kid", b"public", "lead", "passkey", passkey=Passkey("cred", "localhost", "http://localhost"))
    await journal.store.write(lambda txn: insert_key(txn, key))
    await journal.store.write(lambda txn: txn.write("UPDATE passkeys SET uses = 7"))
    assertion = Assertion(
        credential="cred", client_data="", authenticator_data=encode(b"\0" * 33 + (7).to_bytes(4, "big")), signature=""
    )
    signed = approval(of).model_copy(update={"keyid": "kid", "assertion": assertion})
    with pytest.raises(Conflict):
        await approve(journal, of, signed)
    grown = assertion.model_copy(update={"authenticator_data": encode(b"\0" * 33 + (8).to_bytes(4, "big"))})
    await approve(journal, of, signed.model_copy(update={"assertion": grown}))
    assert await rows(journal, "uses", "passkeys") == [(8,)]


async def test_a_clock_that_is_behind_counts_no_approval(tmp_path: Path) -> None:
    clock = Clock()
    journal = await journal_at(tmp_path / "s.db", clock)
    of = await ask(journal, action())
    clock.now_ms -= 5_000
    with pytest.raises(AilyusError) as caught:
        await approve(journal, of, approval(of))
    assert caught.value.code == "clock_behind"
    assert await rows(journal, "id", "approvals") == []
    await journal.store.aclose()
