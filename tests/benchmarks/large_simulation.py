"""`uv run python -m tests.benchmarks.large_simulation [--decisions N …]`: what memory `policy simulate` takes at most.

A gateway makes its workspace's store. The store, a file, then gets N decisions (10,000, 100,000 and 1,000,000) with their
evidence, by plain rows that nobody signed: 2,000 different ones, again and again. Each time a process of its own decides
all of them anew under an edit of a guard, in two processes. Printed are the most memory that it and one of those had,
and how many decisions it made a second, which other work of the machine makes fewer.
"""

import argparse
import asyncio
import multiprocessing
import resource
import shutil
import sqlite3
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from server.workspace.policy_simulation import simulate
from server.workspace.workspace import Workspace
from tests.benchmarks.large_log import begin
from tests.benchmarks.simulation import GUARD, decisions
from tests.world import Sandbox, make_workspace

SIZES = (10_000, 100_000, 1_000_000)
DIFFERENT = 2_000
"""Decisions that are made; the store holds each of them many times."""
SEEDS = "CREATE TEMP TABLE seeds (place INTEGER PRIMARY KEY, requests BLOB, entities BLOB)"
NUMBERS = "WITH RECURSIVE numbers (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)"
STATEMENTS = (
    f"{NUMBERS} INSERT INTO statements (leaf_index, id, kind, action_id, tenant, agent, contract, status, changed, at_ms,"
    " envelope) SELECT n, printf('rcp_%026d', n), 'decision', ?, 'acme', 'bot', '', 'permitted', 0, ?, x'7b7d' FROM numbers"
)
EVIDENCE = (
    f"{NUMBERS} INSERT INTO evidence (leaf_index, label, salt, data)"
    " SELECT n, ?, x'00', {} FROM numbers JOIN seeds ON seeds.place = n % (SELECT count(*) FROM seeds)"
)


@dataclass(frozen=True)
class Cost:
    """Megabytes of the process that simulates, and of the largest of those that it began, at most."""

    decided: int
    flips: int
    seconds: float
    own: float
    worker: float


def fill(workspace: Workspace, seeds: list[tuple[int, bytes, bytes]], count: int) -> None:
    """Let the store hold so many decisions more."""
    with closing(sqlite3.connect(workspace.store, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(SEEDS)
        connection.executemany("INSERT INTO seeds VALUES (?, ?, ?)", seeds)
        ((action,),) = connection.execute("SELECT id FROM actions WHERE connection = 'okta' LIMIT 1").fetchall()
        ((first,),) = connection.execute("SELECT max(leaf_index) + 1 FROM statements").fetchall()
        place, now_ms = (first, first + count), time.time_ns() // 1_000_000
        connection.execute("BEGIN")
        connection.execute(STATEMENTS, (*place, action, now_ms))
        for label in ("requests", "entities"):
            connection.execute(EVIDENCE.format(label), (*place, f"cedar/{label}"))
        connection.execute("COMMIT")


def cost(root: Path, candidate: Path, processes: int) -> Cost:
    """What a simulation of all that the store holds took. In a process of its own: its memory is the most it ever had."""
    begun = time.perf_counter()
    tally = simulate(Workspace.open(root), str(candidate), None, 0, processes=processes).tally
    seconds = time.perf_counter() - begun
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    # in kilobytes on Linux
    own, worker = (resource.getrusage(kind).ru_maxrss / 1000 for kind in kinds)
    return Cost(tally.decided, tally.decided - tally.same, seconds, own, worker)


def main() -> None:
    """Fill, simulate, and fill more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, nargs="*", default=SIZES)
    parser.add_argument("--short", action="store_true")
    given = parser.parse_args()
    sizes, processes, different = ((40, 80), 1, 20) if given.short else (given.decisions, 2, DIFFERENT)
    sandbox, context = Sandbox(), multiprocessing.get_context("spawn")
    try:
        with tempfile.TemporaryDirectory() as name:
            root, candidate = Path(name) / "w", Path(name) / "candidate"
            workspace = make_workspace(root, sandbox)
            asyncio.run(begin(workspace, sandbox))
            for part in ("contracts", "policies"):
                shutil.copytree(root / part, candidate / part)
            (candidate / "policies" / "edit.cedar").write_text(GUARD)
            made = decisions(workspace.release(), different)
            seeds = [(place, one.requests, one.entities) for place, one in enumerate(made)]
            held = 0
            for size in sorted(sizes):
                fill(workspace, seeds, size - held)
                held = size
                with ProcessPoolExecutor(1, mp_context=context) as pool:
                    found = pool.submit(cost, root, candidate, processes).result()
                print(
                    f"{found.decided:,} decisions: {found.own:.0f} MB, and {found.worker:.0f} MB in a process of its; "
                    f"{found.decided / found.seconds:,.0f} a second, {found.flips:,} flips",
                    flush=True,
                )
    finally:
        sandbox.close()


if __name__ == "__main__":
    main()
