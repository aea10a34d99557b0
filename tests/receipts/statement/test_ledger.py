"""What the log says of halts, keys and roles counts only by statements of this log that our own key signed, each once."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.canonical import new_id
from contracts.errors import AilyusError
from receipts.journal.halt import halt_statement, new_halt
from receipts.journal.journal import Journal
from receipts.log.signing import Signer
from receipts.statement.ledger import Ledger
from receipts.statement.statement import Notary, SignedStatement
from receipts.store.row import blob, integer
from tests.receipts.making import SIGNER, action, seal
from tests.receipts.stages import halt


def halting(notary: Notary, name: str) -> SignedStatement:
    return halt_statement(notary, new_halt("connection", name, False, "lead", "x", 5), "halted")


async def insert(journal: Journal, *sealed: SignedStatement) -> None:
    for one in sealed:
        await journal.store.write(one.insert)


async def test_what_is_committed_is_known_after_following_and_after_a_start(journal: Journal) -> None:
    await insert(journal, halting(journal.notary, "okta"))
    assert journal.ledger.halts == {}
    await journal.ledger.follow()
    assert set(journal.ledger.halts) == {("connection", "okta")}
    anew = Ledger(journal.store)
    await anew.load()
    assert (set(anew.halts), anew.tenants) == ({("connection", "okta")}, journal.ledger.tenants)
    assert anew.size == journal.store.size


async def test_a_statement_of_another_key_or_log_says_nothing(journal: Journal) -> None:
    stranger = Notary(Signer(Ed25519PrivateKey.generate()), journal.store.origin, journal.registry.tenant_key)
    elsewhere = Notary(SIGNER, "another.log", journal.registry.tenant_key)
    await insert(journal, halting(stranger, "okta"), halting(elsewhere, "slack"))
    await journal.ledger.follow()
    assert journal.ledger.halts == {}


async def test_a_statement_that_is_put_in_twice_is_heard_once(journal: Journal) -> None:
    first = halting(journal.notary, "okta")
    await insert(journal, first)
    lifted = halt_statement(journal.notary, new_halt("connection", "okta", False, "lead", "", 6), "lifted")
    await insert(journal, lifted, replace(first, index=replace(first.index, id=new_id("rcp"))))
    await journal.ledger.follow()
    assert journal.ledger.halts["connection", "okta"].event == "lifted"


async def test_one_that_controls_nothing_under_the_name_of_one_that_does_is_passed_over(journal: Journal) -> None:
    plain = seal(journal, action(), "decision", "denied")
    await insert(journal, replace(plain, index=replace(plain.index, kind="halt")), halting(journal.notary, "okta"))
    await journal.ledger.follow()
    assert set(journal.ledger.halts) == {("connection", "okta")}


async def test_a_genuine_statement_is_ours_and_of_this_log(journal: Journal) -> None:
    ((own, leaf),) = await journal.store.read("SELECT envelope, leaf_index FROM statements WHERE kind = 'release'")
    found = journal.ledger.genuine(blob(own), integer(leaf))
    assert found is not None
    assert found["predicateType"] == "https://ailyus.dev/release/v1"
    elsewhere = Notary(SIGNER, "another.log", journal.registry.tenant_key)
    stranger = Notary(Signer(Ed25519PrivateKey.generate()), journal.store.origin, journal.registry.tenant_key)
    for notary in (elsewhere, stranger):
        assert journal.ledger.genuine(halting(notary, "okta").envelope.encoded(), 0) is None
    assert journal.ledger.genuine(b"no envelope", 0) is None


async def test_a_start_refuses_a_log_from_which_a_statement_was_taken(journal: Journal) -> None:
    await halt(journal, "connection", "okta")
    await halt(journal, "connection", "slack")
    await journal.store.write(lambda txn: txn.write("DELETE FROM statements WHERE leaf_index = 2"))
    with pytest.raises(AilyusError, match="not those that the newest checkpoint was signed over") as caught:
        await Ledger(journal.store).load()
    assert caught.value.code == "store_corrupt"
