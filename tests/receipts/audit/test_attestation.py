"""How far a log is witnessed, by whom, and what is found where it is not, or where a witness refuses it."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from receipts.audit.attestation import attestation, witness_faults
from receipts.audit.roots import Roots, WitnessRoots
from receipts.log.checkpoint import Checkpoint
from receipts.log.cosignature import Cosigner, cosign
from receipts.store.row import Read
from receipts.store.transaction import Txn
from receipts.tables import witness_states
from receipts.tables.witness_states import WitnessState
from tests.receipts.audit.proofs import ROOTS, Approved, approved

KEYS = {name: Ed25519PrivateKey.generate() for name in ("w.test/1", "w.test/2")}
VERIFIERS = tuple(Cosigner(n, k.public_key().public_bytes_raw()).verifier_key for n, k in KEYS.items())


def roots(quorum: int) -> Roots:
    return ROOTS.model_copy(update={"witness": WitnessRoots(quorum=quorum, cosigners=VERIFIERS)})


@pytest.fixture
async def one(tmp_path: Path) -> Approved:
    return await approved(tmp_path / "s.db")


async def cosigned(one: Approved, *names: str) -> int:
    """The newest checkpoint gets cosignatures, as a round keeps them; its size."""
    store = one.journal.store
    note = await store.newest()
    checkpoint = Checkpoint.of_note(note)

    def keep(txn: Txn) -> None:
        lines = [cosign(KEYS[name], name, checkpoint.body, 1_700_000_000) for name in names]
        for _ in range(2):  # a line that is there already is not added again
            added = witness_states.cosign_note(txn, checkpoint.size, lines)
        assert added.startswith(note)
        assert added.count("— w.test") == len(names)
        witness_states.mark_witnessed(txn, checkpoint.size)

    await store.write(keep)
    return checkpoint.size


async def test_a_log_is_witnessed_up_to_the_checkpoint_that_enough_witnesses_cosigned(one: Approved) -> None:
    size = await cosigned(one, "w.test/1")
    found = await one.journal.store.read_aside(lambda read: attestation(read, roots(1)))
    assert found is not None
    assert found.says == f"witnessed: {size} of {size} statements are attested by w.test/1"
    assert await one.journal.store.read_aside(lambda read: attestation(read, ROOTS)) is None
    await one.journal.store.aclose()


async def test_a_log_that_too_few_witnesses_cosigned_is_told(one: Approved) -> None:
    await cosigned(one, "w.test/1")

    def look(read: Read) -> tuple[list[str], list[str]]:
        return list(witness_faults(read, roots(1))), list(witness_faults(read, roots(2)))

    enough, few = await one.journal.store.read_aside(look)
    assert enough == []
    assert few == ["no part of the log is cosigned by 2 of 2 witnesses, as the trusted roots ask for"]
    await one.journal.store.aclose()


async def test_a_refusal_is_a_finding_until_the_witness_cosigns_again(one: Approved) -> None:
    await cosigned(one, "w.test/1")
    store = one.journal.store
    state = WitnessState(size=3, refusal="it has seen 9 statements, and the log has 7", refused_ms=5)
    await store.write(lambda txn: witness_states.keep(txn, "w.test/1", state))
    (found,) = await store.read_aside(lambda read: list(witness_faults(read, roots(1))))
    assert found == "the witness `w.test/1` refuses the log: it has seen 9 statements, and the log has 7"
    await store.write(lambda txn: witness_states.keep(txn, "w.test/1", WitnessState(size=7)))
    assert await store.read_aside(lambda read: list(witness_faults(read, roots(1)))) == []
    await store.aclose()


async def test_a_row_that_names_another_checkpoint_than_was_cosigned_proves_nothing(one: Approved) -> None:
    size = await cosigned(one, "w.test/1")
    store = one.journal.store
    await store.write(lambda txn: witness_states.mark_witnessed(txn, size - 1))
    assert await store.read_aside(lambda read: attestation(read, roots(1))) is None
    await store.write(lambda txn: txn.write("UPDATE meta SET value = 'x' WHERE key = 'witnessed'"))
    assert await store.read_aside(lambda read: attestation(read, roots(1))) is None
    await store.aclose()


async def test_a_state_that_cannot_be_read_says_nothing(one: Approved) -> None:
    store = one.journal.store
    await store.write(lambda txn: txn.write("INSERT INTO meta VALUES ('witness/w.test/1', '{')"))
    assert await store.read_aside(witness_states.states) == {}
    await store.aclose()
