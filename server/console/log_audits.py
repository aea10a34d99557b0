"""The audits of the log that pages ask for: of a long log beside the page, which shows the last one meanwhile.

An audit takes a second for about 100,000 statements. A page that waits for it longer looks broken, and whoever loads it
again would begin another one.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from receipts.audit.attestation import LogAttestation, attestation
from receipts.audit.audit import audit
from receipts.audit.questions import first_since, statements_kept
from receipts.audit.roots import read_roots
from receipts.log.head import remembered
from receipts.store.row import Read
from receipts.store.store import Store
from server.console.receipt_reader import ReceiptReader

SHORT: Final = 30_000
"""Statements of a log that is audited while the page waits, in about a third of a second."""
KEEP_MS: Final = 60_000
"""How long the audit of a long log answers a question, from its end."""


@dataclass(frozen=True, slots=True)
class LogAudit:
    """What an audit found: its findings, and how many statements a tenant had at the time asked about, and at its end.

    `ago` is that time as it was asked for, for example `12h`. `attested`: by witnesses, where enough of them did.
    """

    ago: str
    findings: tuple[str, ...]
    then: int
    now: int
    attested: LogAttestation | None
    ended_ms: int


@dataclass(frozen=True, slots=True)
class _Run:
    began_ms: int
    task: "asyncio.Task[LogAudit]"


class LogAudits:
    """At most one run for each tenant, and the last audit of a long log that each asked for."""

    def __init__(self, store: Store, reader: ReceiptReader, roots: Path) -> None:
        self._store = store
        self._reader = reader
        self._roots = roots
        self._runs: dict[str, _Run] = {}
        self._last: dict[str, LogAudit] = {}

    async def newest(self, tenant: str, ago: str, since_ms: int) -> tuple[LogAudit | None, int | None]:
        """The newest audit, if one has ended, and since when (in milliseconds) another one runs, if one does.

        Raises what the audit raised: `store_corrupt`, `store_unavailable`.
        """
        if await self._reader.aside(statements_kept) <= SHORT:
            return await self._audited(tenant, ago, since_ms), None
        run = self._runs.get(tenant)
        if run is not None and run.task.done():
            # taken out first, so that after a fault the next question begins another one
            del self._runs[tenant]
            self._last[tenant], run = run.task.result(), None
        last, now_ms = self._last.get(tenant), self._store.now_ms()
        if run is None and (last is None or last.ago != ago or now_ms - last.ended_ms > KEEP_MS):
            run = _Run(now_ms, asyncio.create_task(self._audited(tenant, ago, since_ms), name="log audit"))
            self._runs[tenant] = run
        return last, run.began_ms if run else None

    async def close(self) -> None:
        """End what runs: nobody waits for it any more."""
        tasks = [run.task for run in self._runs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _audited(self, tenant: str, ago: str, since_ms: int) -> LogAudit:
        # before the snapshot, which may only hold more
        head = await asyncio.to_thread(remembered, self._store.head_path)

        def look(read: Read) -> tuple[tuple[str, ...], tuple[int, int], LogAttestation | None]:
            roots = read_roots(self._roots)
            return tuple(audit(read, roots, head)), first_since(read, since_ms, tenant), attestation(read, roots)

        # one snapshot for all: a count of another moment would not fit what was compared
        findings, (then, now), attested = await self._reader.one_by_one(look)
        return LogAudit(ago, findings, then, now, attested, self._store.now_ms())
