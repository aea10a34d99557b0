"""Somebody who can write to the database, and to nothing else: plain SQL on a file or on a database."""

import asyncio
import contextlib
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg

from receipts.audit.audit import audit
from receipts.audit.roots import read_roots
from receipts.log.checkpoint import Checkpoint
from receipts.store.store import Store
from receipts.store.transaction import Txn
from server.workspace.stores import database_url, reading, remembered_head
from server.workspace.workspace import Workspace


async def attack(workspace: Workspace, sql: str, *params: Any) -> None:
    """One statement with `?` for its values, and `x'…'` for bytes; it must change something."""
    if not workspace.settings.has_database:
        await asyncio.to_thread(_on_a_file, workspace, sql, params)
        return
    numbers = iter(range(1, len(params) + 1))
    text = re.sub(r"\?", lambda _: f"${next(numbers)}", re.sub(r"x'([0-9a-f]*)'", r"'\\x\1'::bytea", sql))
    connection = await asyncpg.connect(database_url(workspace))
    try:
        done = await connection.execute(text, *params)
        assert not done.endswith(" 0"), sql
    finally:
        await connection.close()


async def edit_request(store: Store, action: str, old: bytes, new: bytes) -> None:
    """Change what an action asks for, as somebody does who has the key of its values too."""
    ((tenant, request),) = await store.read("SELECT tenant, request FROM actions WHERE id = ?", action)
    assert isinstance(tenant, str)
    assert isinstance(request, bytes)
    assert old in request
    changed = request.replace(old, new)

    def work(txn: Txn) -> None:
        txn.write("UPDATE actions SET request = ? WHERE id = ?", txn.keys.seal(tenant, action, changed), action)

    await store.write(work, (action,))


def _on_a_file(workspace: Workspace, sql: str, params: tuple[Any, ...]) -> None:
    with contextlib.closing(sqlite3.connect(workspace.store, timeout=10)) as connection:
        assert connection.execute(sql, params).rowcount != 0, sql
        connection.commit()


def findings(workspace: Workspace, since: Checkpoint | None = None) -> list[str]:
    """What an auditor finds, with the workspace's own roots and head file."""

    def look() -> list[str]:
        head = remembered_head(workspace)
        with reading(workspace) as read:
            return list(audit(read, read_roots(workspace.root / "roots.json"), head, since))

    with ThreadPoolExecutor(1) as pool:  # a database is read by a loop of its own
        return pool.submit(look).result()
