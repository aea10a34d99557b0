"""Whoever owns the machine changes its log, in some attacks with the log's key: an auditor who asks a witness finds it.

What the log alone shows is asked as well: where the key is known and no witness is trusted, nothing is found.
"""

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.canonical import canonical, new_id
from contracts.errors import AilyusError
from receipts.audit.attestation import attestation
from receipts.audit.audit import audit
from receipts.audit.proof import write_proof
from receipts.audit.roots import Roots, WitnessRoots
from receipts.audit.verify import verify
from receipts.log.checkpoint import Checkpoint
from receipts.log.log_keys import LogKeys
from receipts.log.merkle import Frontier, leaf_hash
from receipts.log.signing import Envelope
from receipts.statement.gateway_facts import StateFacts
from receipts.store.log_tables import newest_note
from receipts.store.row import Read
from receipts.store.sqlite_file import snapshot
from receipts.witness.witness import Witness
from receipts.witness.witness_store import WitnessStore
from server.listener.witness_endpoint import application
from server.operations.witness_word import hear
from server.workspace.free_port import free_port
from tests.receipts.audit.proofs import approved
from tests.receipts.making import SIGNER
from tests.sealed import opened
from tests.world import app_serving

ORIGIN = "ailyus.test"
NAME = "w.test/1"
KEY = Ed25519PrivateKey.generate()


@dataclass(frozen=True)
class Kept:
    """A log of some statements, a backup of it from before the last ones, and the witness that saw all of them."""

    store: Path
    backup: Path
    witness: Path
    receipt: str

    @property
    def roots(self) -> Roots:
        return Roots.of(ORIGIN, LogKeys.of(SIGNER))

    @property
    def witnessed(self) -> Roots:
        named = WitnessRoots(quorum=1, cosigners=(self.of_witness().cosigner.verifier_key,))
        return Roots.of(ORIGIN, LogKeys.of(SIGNER), named)

    def of_witness(self) -> Witness:
        return Witness(NAME, KEY, {ORIGIN: LogKeys.of(SIGNER)}, WitnessStore(self.witness))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("log")

    async def made() -> str:
        one = await approved(folder / "store.db")
        receipt = await one.receipt("confirmed")
        await asyncio.to_thread(_copy, folder / "store.db", folder / "backup.db")
        facts, subject = StateFacts(running=0, waiting=0, actions=()), {"ailyus": "0" * 64}
        later = one.journal.notary.sign_gateway_statement(facts, new_id("rcp"), "", subject, 9)
        await one.journal.store.write(later.insert)
        await one.journal.store.aclose()
        return receipt

    found = Kept(folder / "store.db", folder / "backup.db", folder / "witness.db", asyncio.run(made()))
    witness = found.of_witness()
    with snapshot(found.store) as read:
        answer = witness.answer(b"old 0\n\n" + newest_note(read).encode())
    witness.store.close()
    assert answer.status == 200
    with contextlib.closing(sqlite3.connect(found.store)) as db, db:
        size = "(SELECT max(size) FROM checkpoints)"
        db.execute(f"UPDATE checkpoints SET note = note || ? WHERE size = {size}", (answer.body,))
        db.execute(f"INSERT INTO meta VALUES ('witnessed', {size})")
    return found


def _copy(source: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
        old.backup(new)


def change(store: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(store)) as db, db:
        for sql in statements:
            assert db.execute(sql).rowcount != 0, sql


def relog(store: Path, order: Callable[[list[int]], list[int]], edit: dict[int, dict[str, Any]] | None = None) -> None:
    """With the log's key: the statements at these leaves, in this order, some of them edited, as a log of their own."""
    with contextlib.closing(sqlite3.connect(store)) as db, db:
        tables = {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in ("statements", "search", "evidence")}
        rows = {row[0]: row for row in tables["statements"]}
        leaves = order(sorted(rows))
        for table in (*tables, "nodes", "checkpoints"):
            db.execute(f"DELETE FROM {table}")
        frontier = Frontier(0, [])
        for at, leaf in enumerate(leaves):
            row = list(rows[leaf])
            envelope = Envelope.decode(row[-1])
            if edit and leaf in edit:
                body = orjson.loads(envelope.payload)
                body["predicate"] |= edit[leaf]
                envelope = SIGNER.envelope(canonical(body))
                row[9] = body["predicate"]["atMs"]
            if at != leaf and leaves.index(leaf) != at:  # a copy needs an id of its own
                row[1] = f"{row[1]}x"
            db.execute(
                f"INSERT INTO statements VALUES ({', '.join('?' * len(row))})", (at, *row[1:-1], envelope.encoded())
            )
            db.executemany("INSERT INTO search VALUES (?, ?)", [(v, at) for v, i in tables["search"] if i == leaf])
            db.executemany(
                "INSERT INTO evidence VALUES (?, ?, ?, ?)", [(at, *e[1:]) for e in tables["evidence"] if e[0] == leaf]
            )
            db.executemany("INSERT INTO nodes VALUES (?, ?, ?)", frontier.append(leaf_hash(envelope.leaf())))
        note = SIGNER.note(ORIGIN, Checkpoint(ORIGIN, frontier.size, frontier.root()).body)
        db.execute("INSERT INTO checkpoints VALUES (?, ?, 9)", (frontier.size, note))


def cut(store: Path, size: int) -> None:
    change(store, f"DELETE FROM statements WHERE leaf_index >= {size}", f"DELETE FROM checkpoints WHERE size > {size}")


@asynccontextmanager
async def asked(kept: Kept) -> AsyncIterator[str]:
    """The witness, serving."""
    witness, port = kept.of_witness(), free_port()
    try:
        async with app_serving(application(witness), port):
            yield f"http://127.0.0.1:{port}"
    finally:
        witness.store.close()


async def found_by(store: Path, roots: Roots, url: str = "") -> list[str]:
    """What an auditor finds with these roots, who asks the witness where there is one."""

    async def look(work: Callable[[Read], Any]) -> Any:
        with snapshot(store) as read:
            return work(opened(read, store.with_suffix(".secrets")))

    quorum = roots.quorum
    word = await hear(look, [url], quorum) if quorum is not None else None
    with snapshot(store) as kept:
        read = opened(kept, store.with_suffix(".secrets"))
        return [*audit(read, roots, vouched=word.vouched if word else ()), *(word.findings if word else ())]


def swap(leaves: list[int]) -> list[int]:
    return [*leaves[:3], leaves[4], leaves[3], *leaves[5:]]


SIZE = 8
BY_LOG = {
    "edit": lambda s: change(
        s,
        "UPDATE statements SET envelope = CAST(replace(CAST(envelope AS TEXT), 'sig\":\"', 'sig\":\"AAAA') AS BLOB) WHERE leaf_index = 5",
    ),
    "delete": lambda s: change(s, "DELETE FROM statements WHERE leaf_index = 5"),
    "swap": lambda s: change(
        s,
        "UPDATE statements SET leaf_index = 99 WHERE leaf_index = 4",
        "UPDATE statements SET leaf_index = 4 WHERE leaf_index = 5",
        "UPDATE statements SET leaf_index = 5 WHERE leaf_index = 99",
    ),
    "duplicate": lambda s: change(
        s,
        "INSERT INTO statements SELECT 8, 'rcp_twice', kind, action_id, tenant, agent, contract, status, changed, at_ms,"
        " envelope FROM statements WHERE leaf_index = 5",
    ),
    "index column": lambda s: change(s, "UPDATE statements SET status = 'denied' WHERE leaf_index = 6"),
    "approval reused": lambda s: change(s, "UPDATE approval_uses SET action_id = 'act_other'"),
}
"""Attacks without the log's key that the log itself shows."""
BY_WITNESS = {
    "truncate": lambda s: cut(s, SIZE - 1),
    "edit and sign again": lambda s: relog(s, list, {7: {"atMs": 10}}),
    "drop and sign again": lambda s: relog(s, lambda leaves: leaves[:-1]),
    "backdate": lambda s: relog(s, lambda leaves: [*leaves[:1], 7, *leaves[1:-1]]),
    "swap and sign again": lambda s: relog(s, swap),
}
"""Attacks on the end of the log, or with its key: only somebody who remembers the log finds them."""


async def changed(kept: Kept, folder: Path, attack: Callable[[Path], Any]) -> Path:
    store = folder / "store.db"
    await asyncio.to_thread(shutil.copy, kept.store, store)
    await asyncio.to_thread(shutil.copy, kept.store.with_suffix(".secrets"), store.with_suffix(".secrets"))
    await asyncio.to_thread(attack, store)
    return store


async def test_a_log_that_nobody_touched_has_no_finding_and_says_who_attests_it(kept: Kept) -> None:
    before = await found_by(kept.store, kept.roots)
    async with asked(kept) as url:
        assert await found_by(kept.store, kept.witnessed, url) == before
    with snapshot(kept.store) as read:
        attested = attestation(read, kept.witnessed)
        assert attested is not None
        assert (attested.size, attested.whole) == (SIZE, SIZE)
        assert attestation(read, kept.roots) is None
        assert verify(
            write_proof(opened(read, kept.store.with_suffix(".secrets")), kept.receipt, None, True).encoded(),
            kept.witnessed,
        ).witnessed.keys() == {NAME}


@pytest.mark.parametrize("attack", BY_LOG)
async def test_what_the_log_shows_is_found_with_and_without_a_witness(kept: Kept, tmp_path: Path, attack: str) -> None:
    before = await found_by(kept.store, kept.roots)
    store = await changed(kept, tmp_path, BY_LOG[attack])
    assert set(await found_by(store, kept.roots)) - set(before)
    async with asked(kept) as url:
        assert set(await found_by(store, kept.witnessed, url)) - set(before)


@pytest.mark.parametrize("attack", BY_WITNESS)
async def test_what_only_a_witness_remembers_is_found_by_it_alone(kept: Kept, tmp_path: Path, attack: str) -> None:
    before, store = await found_by(kept.store, kept.roots), await changed(kept, tmp_path, BY_WITNESS[attack])
    assert set(await found_by(store, kept.roots)) <= set(before)
    async with asked(kept) as url:
        assert any("refuses the log" in said for said in await found_by(store, kept.witnessed, url))


async def test_an_old_backup_is_found_though_the_log_grew_again_after_it(kept: Kept, tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    await asyncio.to_thread(shutil.copy, kept.backup, store)
    await asyncio.to_thread(shutil.copy, kept.store.with_suffix(".secrets"), store.with_suffix(".secrets"))
    before = await found_by(kept.store, kept.roots)
    assert set(await found_by(store, kept.roots)) <= set(before)
    async with asked(kept) as url:
        assert any("refuses the log" in said for said in await found_by(store, kept.witnessed, url))
        relog(store, lambda leaves: [*leaves, leaves[0], leaves[1]])
        assert any("refuses the log" in said for said in await found_by(store, kept.witnessed, url))


async def test_of_two_views_of_the_log_only_one_is_believed(kept: Kept, tmp_path: Path) -> None:
    store = await changed(kept, tmp_path, lambda s: relog(s, list, {7: {"atMs": 10}}))
    with snapshot(store) as read:
        view = write_proof(opened(read, store.with_suffix(".secrets")), kept.receipt, None, True).encoded()
    assert verify(view, kept.roots).receipt["receipt"] == kept.receipt  # the log's key alone says so
    with pytest.raises(AilyusError, match="cosigned by 0 of 1 witnesses"):
        verify(view, kept.witnessed)


async def test_a_silent_witness_is_a_finding_and_no_approval(kept: Kept) -> None:
    before = await found_by(kept.store, kept.roots)
    found = await found_by(kept.store, kept.witnessed, f"http://127.0.0.1:{free_port()}")
    assert next(said for said in found if said not in before).endswith("says nothing of the log: it was not reached")
