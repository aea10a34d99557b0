"""`uv run python -m tests.benchmarks.signed_log [--receipts N] [--at DIR] [--short]`: a log of N signed receipts (1,000,000).

A gateway makes one write without an approval. Its store, a file, then gets so many copies of that action, each under
its own ids and signed by the log's key, with its rows, its evidence and its search values, so that `ailyus audit`
finds nothing. Printed are, for a log of a thousand receipts and for the whole one: a commit of one statement, a proof
of inclusion, a proof file, a question by agent, and the audit.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from contracts.canonical import sha256
from receipts.audit.audit import audit
from receipts.audit.proof import write_proof
from receipts.audit.questions import changed_by
from receipts.audit.roots import read_roots
from receipts.journal.journal import Journal
from receipts.log.signing import Envelope, Signer
from receipts.store.data_keys import opening
from receipts.store.log_tables import proof_by
from receipts.store.progress import watched
from receipts.store.row import Read, Row, blob, integer
from receipts.store.sealed_value import is_sealed
from receipts.store.store import Store
from receipts.store.transaction import EVIDENCE, StatementIndex, Txn
from server.workspace.log_key import open_log_key
from server.workspace.stores import open_store, reading, remembered_head, sealing_key
from server.workspace.workspace import Workspace
from tests.world import LEO, Sandbox, gateway, make_workspace

FEW = 1_000
GROUP = 1_000
"""Actions that are copied in one commit."""
ROUNDS = 300
UNLOCK = {"user_id": LEO["user_id"], "reason": "locked out since this morning"}


@dataclass(frozen=True, slots=True)
class Model:
    """The rows of the action that is copied, and of its statements in the order of the log."""

    action: str
    receipts: tuple[str, ...]
    result: bytes
    rows: dict[str, tuple[str, list[Row]]]
    sealed: dict[str, list[tuple[bool, ...]]]
    """Which values of these rows are kept sealed."""
    statements: tuple[tuple[StatementIndex, bytes, list[Row]], ...]

    def ids(self, number: int) -> dict[str, str]:
        """The ids of a copy, by those of the model; each has the length of its model's."""
        old = (self.action, *self.receipts)
        return {one: f"{one[:4]}{number:0{len(one) - 6}}{place:02}" for place, one in enumerate(old)}


def model_of(read: Read, kept: Read) -> Model:
    """The first action that was sent, as it is read opened; `kept` reads it as it is kept."""
    ((action, result),) = read(
        "SELECT id, result FROM actions WHERE id IN (SELECT action_id FROM intents) ORDER BY id LIMIT 1"
    )
    rows, sealed = {}, {}
    for table, column in (("actions", "id"), ("intents", "action_id"), ("action_words", "action_id")):
        sql = f"SELECT * FROM {table} WHERE {column} = ?"
        found = read(sql, action)
        sealed[table] = [tuple(is_sealed(value) for value in row) for row in kept(sql, action)]
        rows[table] = (f"INSERT INTO {table} VALUES ({', '.join('?' * len(found[0]))})", found)
    statements = []
    sql = "SELECT leaf_index, id, kind, agent, contract, status, changed, at_ms, envelope FROM statements"
    for leaf, id_, kind, agent, contract, status, changed, at_ms, envelope in read(
        f"{sql} WHERE action_id = ?", action
    ):
        search = tuple(str(v) for (v,) in read("SELECT value FROM search WHERE leaf_index = ?", leaf))
        evidence = read("SELECT label, salt, data FROM evidence WHERE leaf_index = ?", leaf)
        named = (str(agent), str(contract), str(status), None if changed is None else bool(changed), integer(at_ms))
        index = StatementIndex(str(id_), str(kind), str(action), "acme", *named, search)
        statements.append((index, Envelope.decode(blob(envelope)).payload, evidence))
    return Model(str(action), tuple(s[0].id for s in statements), blob(result), rows, sealed, tuple(statements))


async def model_in(store: Store) -> Model:
    """The model of a store."""
    keys = store.data_keys
    assert keys is not None
    return await store.read_sealed(lambda read: model_of(opening(read, keys), read))


def copies(model: Model, signer: Signer, numbers: range) -> Callable[[Txn], None]:
    """One entry of the store that logs so many copies of the action."""

    def work(txn: Txn) -> None:
        rows: dict[str, list[Row]] = {sql: [] for sql, _ in model.rows.values()}
        evidence: list[Row] = []
        for number in numbers:
            ids = model.ids(number)

            def renamed(data: bytes, ids: dict[str, str] = ids) -> bytes:
                for old, new in ids.items():
                    data = data.replace(old.encode(), new.encode())
                return data

            answer = sha256(model.result).encode(), sha256(renamed(model.result)).encode()
            for table, (sql, found) in model.rows.items():
                for row, sealed in zip(found, model.sealed[table], strict=True):
                    copy = [_copied(value, renamed) for value in row]
                    for at in (at for at, is_so in enumerate(sealed) if is_so):
                        copy[at] = _sealed(txn, ids[model.action], copy[at])
                    if table == "actions":
                        copy[1] = f"{copy[1]}{number}"  # the identity of the call
                    rows[sql].append(tuple(copy))
            for index, payload, kept in model.statements:
                named = replace(index, id=ids[index.id], action_id=ids[model.action])
                leaf = txn.append(named, signer.envelope(renamed(payload).replace(*answer)))
                evidence += [
                    (leaf, label, b"", txn.keys.seal("acme", ids[model.action], blob(data), blob(salt)))
                    for label, salt, data in kept
                ]
        for sql, several in rows.items():
            txn.write_many(sql, several)
        txn.write_many(EVIDENCE, evidence)

    return work


def _sealed(txn: Txn, action: str, value: object) -> object:
    if isinstance(value, str):
        return txn.keys.seal_text("acme", action, value)
    return txn.keys.seal("acme", action, value) if isinstance(value, bytes) else value


def _copied(value: object, renamed: Callable[[bytes], bytes]) -> object:
    if isinstance(value, str):
        return renamed(value.encode()).decode()
    return renamed(value) if isinstance(value, bytes) else value


async def begin(workspace: Workspace, sandbox: Sandbox) -> None:
    """One confirmed write."""
    sandbox.reset()
    async with gateway(workspace, sandbox) as world:
        answer = await world.call("unlock_user", UNLOCK)
        assert answer["status"] == "confirmed", answer


def opened(workspace: Workspace) -> tuple[Store, Signer]:
    """The store of a workspace without a gateway."""
    signer = Signer(open_log_key(workspace))
    store = open_store(workspace, signer)
    Journal(store, signer, sealing_key(workspace))  # which brings the keys of what is sealed
    return store, signer


async def fill(workspace: Workspace, receipts: int) -> None:
    """Copy the action until the log has so many receipts."""
    store, signer = opened(workspace)
    with closing(store):
        model = await model_in(store)
        each = len(model.statements)
        begun, first = time.monotonic(), store.size // each
        for number in range(first, receipts // each, GROUP):
            await store.write(copies(model, signer, range(number, min(number + GROUP, receipts // each))))
        print(f"{store.size:,} receipts, filled in {time.monotonic() - begun:.0f} s", flush=True)


async def commits(workspaces: list[Workspace], rounds: int) -> list[list[float]]:
    """Commits of one action of two statements, on each store in turn: seconds of each."""
    held = [opened(workspace) for workspace in workspaces]
    times: list[list[float]] = [[] for _ in held]
    try:
        models = [await model_in(store) for store, _ in held]
        first = time.time_ns() // 1_000_000  # no number that the log has
        for number in range(first, first + rounds):
            for place, (store, signer) in enumerate(held):
                work = copies(models[place], signer, range(number, number + 1))
                begun = time.perf_counter()
                await store.write(work)
                times[place].append(time.perf_counter() - begun)
    finally:
        for store, _ in held:
            store.close()
    return times


def reads(workspace: Workspace, rounds: int) -> dict[str, list[float]]:
    """What is asked of a log, and the seconds of each time that it was."""
    dice = random.Random(5)
    with reading(workspace) as read:
        ((size, agent),) = read("SELECT count(*), max(agent) FROM statements")
        leaves = [dice.randrange(integer(size)) for _ in range(rounds)]
        ids = [str(read("SELECT id FROM statements WHERE leaf_index = ?", leaf)[0][0]) for leaf in leaves]

        def changed(tenant: str | None) -> Callable[[], object]:
            return lambda: changed_by(read, str(agent), 0, tenant, 50)

        return {
            "a proof of inclusion": [timed(partial(proof_by, read, leaf)) for leaf in leaves],
            "a proof file": [timed(partial(write_proof, read, id_, None, disclose=True)) for id_ in ids],
            "what an agent changed in a tenant": [timed(changed("acme")) for _ in ids],
            "what an agent changed": [timed(changed(None)) for _ in ids],
        }


def timed(work: Callable[[], object]) -> float:
    """How many seconds it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def audited(workspace: Workspace) -> float:
    """The seconds of a whole audit, which must find nothing; its progress goes to the terminal."""
    begun = time.perf_counter()

    def told(done: int, of: int) -> None:
        if done % 100_000 < 200:
            print(f"  {done:,} of {of:,} audited, {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)

    head = remembered_head(workspace)
    with reading(workspace) as read, watched(told):
        found = list(audit(read, read_roots(workspace.root / "roots.json"), head))
    assert found == [], found[:5]
    return time.perf_counter() - begun


def main() -> None:
    """Fill two logs, and measure both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--receipts", type=int, default=1_000_000)
    parser.add_argument("--at", type=Path, help="a folder that was filled before, or that is kept")
    parser.add_argument("--short", action="store_true", help="two small logs, a few times")
    chosen = parser.parse_args()
    few, many, rounds = (100, 300, 5) if chosen.short else (FEW, chosen.receipts, ROUNDS)
    sandbox = Sandbox()
    try:
        with tempfile.TemporaryDirectory() as folder:
            made = []
            for name, receipts in (("few", few), ("many", many)):
                root = (chosen.at or Path(folder)) / name
                if not root.exists():
                    asyncio.run(begin(make_workspace(root, sandbox), sandbox))
                    asyncio.run(fill(Workspace.open(root), receipts))
                made.append(Workspace.open(root))
            of_few, of_many = (reads(workspace, rounds) for workspace in made)
            written = asyncio.run(commits(made, rounds))
            of_few["a commit of two statements"], of_many["a commit of two statements"] = written
            of_few["an audit"], of_many["an audit"] = ([audited(workspace)] for workspace in made)
            for name, times in of_few.items():
                one, other = statistics.median(times) * 1000, statistics.median(of_many[name]) * 1000
                print(f"{name:36} {one:9.2f} ms at {few:,}, {other:9.2f} ms at {many:,}: {other / one:.2f} x")
    finally:
        sandbox.close()


if __name__ == "__main__":
    main()
