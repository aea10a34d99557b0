"""A group as one statement leaves the same rows, and gives the same answers, as one entry after the other."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.action.dispatch import Dispatch
from receipts.action.action import Action
from receipts.journal.halt import halt_statement, new_halt
from receipts.journal.intent import Busy, DecisionBasis, IntentCommit, Limits, Stale
from receipts.journal.journal import Journal
from receipts.journal.outcome import OutcomeCommit
from receipts.store.batch import Batch
from receipts.store.row import Row
from receipts.store.transaction import Txn
from tests.postgres import Postgres
from tests.receipts.making import BEFORE, HTTP, PERMITTED, action, conclude, intend, journal_at, seal, told
from tests.slowness import scaled

NOW = 1_800_000_000_000
_NAMES = itertools.count()


def test_every_statement_becomes_one_over_arrays() -> None:
    batch = Batch()
    batch.add("INSERT INTO rechecks VALUES (?, ?, NULL) ON CONFLICT DO NOTHING", [("a", 1), ("b", 2)])
    batch.change("UPDATE actions SET state = ?1 WHERE id = ?2 AND fence = ?3", ("ended", "act_1", 1))
    batch.assume("SELECT count(*) FROM intents WHERE lock = ?", ("okta",), (0,))
    types = {"INSERT": ("text", "int8"), "UPDATE": ("text", "text", "int8"), "SELECT": ("text",)}
    assert batch.touches("SELECT 1 FROM actions AS a")
    assert not batch.touches("UPDATE meta SET value = ? WHERE key = ?")
    whole = batch.drain(lambda sql: types[sql[:6]], ("told AS (SELECT pg_notify(?1, ?2))", ("c", "x")))
    assert whole.sql == (
        "WITH w0 AS (INSERT INTO rechecks SELECT v.p1, v.p2, NULL FROM unnest(?3::text[], ?4::int8[]) AS v(p1, p2)"
        " ON CONFLICT DO NOTHING RETURNING 1),"
        " w1 AS (SELECT FROM unnest(?5::text[], ?6::int8[]) AS v(p1, p2), LATERAL"
        " (SELECT count(*) FROM intents WHERE lock = v.p1) AS r(c0) WHERE (r.c0) IS DISTINCT FROM (v.p2)),"
        " w2 AS (UPDATE actions SET state = v.p1 FROM unnest(?7::text[], ?8::text[], ?9::int8[]) AS v(p1, p2, p3)"
        " WHERE id = v.p2 AND fence = v.p3 RETURNING 1),"
        " told AS (SELECT pg_notify(?1, ?2))"
        " SELECT (SELECT count(*) FROM w0), (SELECT count(*) FROM w1), (SELECT count(*) FROM w2)"
    )
    assert whole.values == ("c", "x", ["a", "b"], [1, 2], ["okta"], [0], ["ended"], ["act_1"], [1])
    assert whole.holds([(2, 0, 1)])
    assert whole.holds([(0, 0, 1)])  # of what is only inserted it is not asked
    assert not whole.holds([(2, 1, 1)])
    assert not whole.holds([(2, 0, 0)])
    assert not batch


async def test_what_is_usual_is_done_once(tmp_path: Path, postgres: Postgres) -> None:
    journal = await journal_at(tmp_path / "store.db", database=postgres.database(f"batch_{next(_NAMES)}"))

    async def one(number: int, lock: str | None) -> None:
        asked = action(f"r{number}")
        dispatch = await intend(journal, asked, lock=lock)
        await conclude(journal, asked, dispatch.fence)

    await asyncio.gather(*(one(n, f"l{n}" if n % 2 else None) for n in range(40)))
    assert journal.store.repeated == 0
    await journal.store.aclose()


@dataclass(frozen=True)
class Step:
    """One entry of a group: what, about which of a few actions, at which of a few resources."""

    what: str
    which: int
    lock: int
    early: bool


STEPS = st.builds(
    Step,
    st.sampled_from(["intend", "intend", "intend", "conclude", "conclude", "ask", "end", "halt", "limited", "row"]),
    st.integers(0, 4),
    st.integers(0, 2),
    st.booleans(),
)
Entry = Callable[[Journal], Coroutine[Any, Any, object]]


def entry(maker: Journal, actions: list[Action], step: Step) -> Entry:
    """An entry that any journal can be given: what it commits was made once, by one of them."""
    about = actions[step.which]
    if step.what in ("intend", "limited"):
        intention = IntentCommit(
            about, PERMITTED, replace(BEFORE, at_ms=NOW if step.early else NOW + 1),
            seal(maker, about, "intent", "running"), HTTP, (), DecisionBasis("release-1", maker.epoch), route=0, attempt=1,
            timeout_ms=1000, settle_ms=100, deadline_ms=NOW + 1000, result=told("running"),
            lock=f"l{step.lock}" if step.lock else None, limits=Limits(2 if step.what == "limited" else 0),
        )  # fmt: skip
        return lambda journal: journal.intend(intention)
    if step.what == "conclude":
        sealed = seal(maker, about, "outcome", "confirmed")
        conclusion = OutcomeCommit(replace(about, fence=1), sealed, "confirmed", told("confirmed"), 0)
        return lambda journal: journal.record_outcome(conclusion)
    if step.what == "ask":
        sealed = seal(maker, about, "decision", "approval_required")
        return lambda journal: journal.request_approval(about, sealed, b"", told("approval_required"), 0)
    if step.what == "end":
        sealed, waiting = seal(maker, about, "decision", "cancelled"), replace(about, state="waiting")
        return lambda journal: journal.end_unsent(waiting, sealed, "cancelled", told("cancelled"), 0)
    if step.what == "halt":
        halt = new_halt("contract", f"c{step.which}", False, "ann", "", NOW)
        stopped = halt_statement(maker.notary, halt, "halted")
        return lambda journal: journal.controls.halt(halt, stopped)

    def row(txn: Txn) -> int:
        return txn.write("INSERT INTO meta VALUES (?, 'x')", f"k{step.which}")

    return lambda journal: journal.store.write(row)


async def said(work: Coroutine[Any, Any, object]) -> str:
    try:
        done = await work
    except Exception as fault:
        return type(fault).__name__ + getattr(fault, "code", "")
    if isinstance(done, Dispatch):
        return f"fence {done.fence}"
    return repr(done.frees_soon) if isinstance(done, Busy) else repr(done) if isinstance(done, Stale) else "done"


async def rows(journal: Journal) -> list[list[Row]]:
    return [
        await journal.store.read(sql)
        for sql in (
            "SELECT id, state, status, fence, updated_ms FROM actions ORDER BY id",
            "SELECT action_id, attempt, fence, state, lock FROM intents ORDER BY action_id, attempt",
            "SELECT id, leaf_index FROM statements WHERE kind NOT IN ('release', 'tenant') ORDER BY leaf_index",
            "SELECT key, value FROM meta WHERE key <> 'handles' ORDER BY key",
            "SELECT s.id, x.value FROM search AS x JOIN statements AS s ON s.leaf_index = x.leaf_index ORDER BY 1, 2",
        )
    ]


async def grouped(journal: Journal, entries: list[Entry]) -> list[str]:
    """All of them in one group, in this order."""
    free = threading.Event()
    block = journal.store.submit(lambda txn: free.wait(scaled(10)))
    tasks = []
    for one in entries:
        tasks.append(asyncio.create_task(said(one(journal))))
        await asyncio.sleep(0)  # up to its place in the queue
    free.set()
    await asyncio.wrap_future(block)
    return await asyncio.gather(*tasks)


async def compared(groups: list[list[Step]], folder: Path, url: str) -> None:
    serial = await journal_at(folder / "serial.db", lambda: NOW)
    batched = await journal_at(folder / "batched.db", lambda: NOW, url)
    try:
        for journal in (serial, batched):
            journal._pending = (2, 3)
        actions = [action(f"r{n}") for n in range(5)]
        for group in groups:
            entries = [entry(serial, actions, step) for step in group]
            one_by_one = [await said(one(serial)) for one in entries]
            assert await grouped(batched, entries) == one_by_one
            assert await rows(batched) == await rows(serial)
    finally:
        await serial.store.aclose()
        await batched.store.aclose()


CASES = {
    "two at one resource": [[Step("intend", 0, 1, False), Step("intend", 1, 1, False)]],
    "the same action twice": [[Step("intend", 0, 0, False), Step("conclude", 0, 0, False)]],
    "ended, and the next": [
        [Step("intend", 0, 1, False)],
        [Step("conclude", 0, 1, False), Step("intend", 1, 1, False)],
        [Step("conclude", 1, 1, False), Step("intend", 2, 1, True)],
    ],
    "a halt before and after": [
        [Step("intend", 0, 0, False), Step("halt", 0, 0, False), Step("intend", 1, 0, False)]
    ],
    "a halt at a resource": [[Step("intend", 0, 1, False), Step("halt", 0, 0, False), Step("intend", 1, 2, False)]],
    "the same halt twice": [[Step("halt", 0, 0, False), Step("halt", 0, 0, False)]],
    "no more than two": [[Step("limited", n, 0, False) for n in range(4)]],
    "too many wait": [[Step("ask", n, 0, False) for n in range(4)], [Step("end", 1, 0, False), Step("ask", 3, 0, False)]],
    "one fails": [[Step("row", 0, 0, False), Step("intend", 0, 1, False), Step("row", 0, 0, False)]],
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_groups_that_collide(name: str, tmp_path: Path, postgres: Postgres) -> None:
    await compared(CASES[name], tmp_path, postgres.database(f"batch_{next(_NAMES)}"))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.lists(st.lists(STEPS, min_size=1, max_size=8), min_size=1, max_size=4))
def test_groups_of_anything(groups: list[list[Step]], tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> None:  # fmt: skip
    url = postgres.database(f"batch_{next(_NAMES)}")
    asyncio.run(compared(groups, tmp_path_factory.mktemp("batch"), url))
