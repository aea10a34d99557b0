"""One export: it sends what the log has and its receiver has not, in order, and moves its cursor only behind that.

Each statement is sent at least once and none is passed over: a batch that is not taken is tried again, one that is
refused stops the export until a person lets it go on. Of several replicas one sends at a time, by a claim in the store.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog

from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from receipts.export.batch import (
    WINDOW,
    ExportBatch,
    ExportHole,
    ExportRecord,
    lag_of,
    newest_leaf,
    next_batch,
)
from receipts.export.line import line_of
from receipts.export.standing import ExportStanding
from receipts.journal.journal import Journal
from receipts.log.signing import Envelope
from receipts.statement import entries
from receipts.statement.gateway_facts import EscalationFacts
from receipts.statement.statement import SignedStatement
from receipts.store.transaction import Txn
from receipts.tables import export_states
from receipts.tables.export_states import ExportRow, ExportState
from server.operations.export_sink import BatchAnswer, BatchDeferred, BatchRefused, BatchTaken, Sink
from server.workspace.settings.export import ExportPart

CLAIM_MS: Final = 30_000
"""How long whoever sends has the export for itself: longer than a batch may take."""
MAX_BYTES: Final = 1024 * 1024
"""Bytes of one batch; a larger statement goes alone."""
_MAX_PAUSE_MS: Final = 300_000
_ROUNDS: Final = 200
"""Batches of one turn, so that a gateway that ends need not wait for a whole log."""
Tell = Callable[[str, str], Awaitable[bool]]
"""Tells people that an export (by its name) stopped, and why; was that delivered?"""
log = structlog.get_logger()


class ExportSender:
    """Sends for one export of the settings; `version` is that of the gateway."""

    def __init__(self, journal: Journal, name: str, part: ExportPart, sink: Sink, tell: Tell, version: str) -> None:
        self._journal = journal
        self._name = name
        self._part = part
        self._sink = sink
        self._tell = tell
        self._version = version
        self._fence = -1
        self.standing = ExportStanding()

    async def close(self) -> None:
        """Give back what the receiver's side holds."""
        await self._sink.close()

    async def sweep(self) -> None:
        """Send what there is, until nothing more is there or something is in the way."""
        store = self._journal.store
        row = await self._row()
        lag = await store.read_aside(lambda read: lag_of(read, row.state.cursor, self._part.tenant))
        self.standing = ExportStanding.of(row.state, lag)
        if row.state.stopped_ms:
            await self._tell_again(row)
            return
        # leaves of others move the cursor now and then, so that no look has to read over all of them again
        is_due = lag.since_ms or lag.leaves >= WINDOW
        if not is_due or row.state.next_ms > store.now_ms() or self._is_claimed(row.state):
            return
        claimed = row.state.model_copy(update={"fence": row.state.fence + 1, "claimed_ms": store.now_ms() + CLAIM_MS})
        next_row: ExportRow | None = await self._changed(row, claimed)
        self._fence = claimed.fence
        for _ in range(_ROUNDS):
            if next_row is None:
                break
            next_row = await self._sent(next_row)

    async def test(self) -> BatchAnswer | None:
        """Send the newest statement that this export may send, and move nothing; None where there is none."""
        tenant = self._part.tenant
        entry = await self._journal.store.read_aside(lambda read: entries.newest(read, tenant))
        if entry is None:
            return None
        leaf = entry.leaf_index
        record = ExportRecord(leaf, leaf - 1, entry.receipt, Envelope.decode(entry.envelope))
        return await self._sink.put([line_of(record, self._part.format, self._version)], leaf, leaf)

    async def resume(self, after: int | None, stated: Callable[[EscalationFacts], SignedStatement]) -> ExportState:
        """Let it go on: with the same batch, or after a leaf that a person names. Raises `not_waiting`, `bad_form`."""
        row = await self._row()
        if not row.state.stopped_ms and after is None:
            hint = "`ailyus export list` says how it stands"
            raise AilyusError("not_waiting", f"the export `{self._name}` is not stopped", hint=hint)
        newest = await self._journal.store.read_aside(newest_leaf)
        if after is not None and not -1 <= after <= newest:
            hint = f"name a leaf from -1 (all of it again) to {newest}"
            raise AilyusError("bad_form", f"the log has no leaf `{after}`", hint=hint)
        going = {"stopped_ms": 0, "claimed_ms": 0, "tried": 0, "next_ms": 0, "fault": "", "told": True}
        # the next record says that it comes after that leaf, so that the receiver sees what was passed over
        place = {} if after is None else {"cursor": after, "last": after}
        state = row.state.model_copy(update={**going, **place, "fence": row.state.fence + 1})
        facts = EscalationFacts(event="resumed", escalation=new_id("esc"), route=self._route, of=self._of)
        await self._changed(row, state, stated(facts))
        return state

    async def _row(self) -> ExportRow:
        store = self._journal.store
        known = (await store.read_aside(export_states.rows)).get(self._name)
        if known is not None:
            return known
        newest = -1 if self._part.begin == "first" else await store.read_aside(newest_leaf)
        return await store.write(
            lambda txn: export_states.begin(txn, self._name, ExportState(cursor=newest, last=newest))
        )

    def _is_claimed(self, state: ExportState) -> bool:
        # a file has one process, so that a claim in it is of one that is dead, or our own
        shared = self._journal.store.shared
        return shared and state.fence != self._fence and state.claimed_ms > self._journal.store.now_ms()

    async def _sent(self, row: ExportRow) -> ExportRow | None:
        """Send one batch; the entry to go on from, None where there is nothing more to do now."""
        state, part = row.state, self._part
        find = partial(next_batch, cursor=state.cursor, last=state.last, limit=part.batch, tenant=part.tenant)
        batch = await self._journal.store.read_aside(find)
        if batch is None:
            return None
        if isinstance(batch, ExportHole):
            await self._stop(row, batch.says)
            return None
        lines, batch = self._lines(batch)
        first, last = (batch.records[place].leaf_index if lines else batch.cursor for place in (0, -1))
        answer = await self._sink.put(lines, first, last) if lines else BatchTaken()
        match answer:
            case BatchTaken():
                return await self._advance(row, batch)
            case BatchDeferred():
                await self._put_off(row, answer)
            case BatchRefused():
                await self._stop(row, f"{answer.says} to the statements at leaves {first} to {last}")
        return None

    # bounded by bytes as well: statements of plans are large
    def _lines(self, batch: ExportBatch) -> tuple[list[bytes], ExportBatch]:
        """The lines of a batch, as far as they fit into one request."""
        lines: list[bytes] = []
        size = 0
        for place, record in enumerate(batch.records):
            line = line_of(record, self._part.format, self._version)
            size += len(line)
            if lines and size > MAX_BYTES:
                return lines, ExportBatch(batch.records[:place], batch.records[place - 1].leaf_index)
            lines.append(line)
        return lines, batch

    async def _advance(self, row: ExportRow, batch: ExportBatch) -> ExportRow:
        now = self._journal.store.now_ms()
        last = row.state.last if batch.last is None else batch.last
        done = {"cursor": batch.cursor, "last": last, "at_ms": now, "claimed_ms": now + CLAIM_MS}
        return await self._changed(row, row.state.model_copy(update={**done, "tried": 0, "fault": ""}))

    async def _put_off(self, row: ExportRow, answer: BatchDeferred) -> None:
        pause = max(answer.pause_s * 1000, min(_MAX_PAUSE_MS, 1000 * 2 ** min(row.state.tried, 16)))
        later = {"tried": row.state.tried + 1, "next_ms": self._journal.store.now_ms() + pause, "fault": answer.says}
        if row.state.fault != answer.says:  # once for each change: a receiver that is down for a day fills no log
            log.warning("export_waits", export=self._name, reason=answer.says)
        await self._changed(row, row.state.model_copy(update={**later, "claimed_ms": 0}))

    async def _stop(self, row: ExportRow, says: str) -> None:
        """INVARIANT: what cannot be sent stops the export, by a signed statement; nothing is left out in silence."""
        now = self._journal.store.now_ms()
        stopped = {"stopped_ms": now, "fault": says, "claimed_ms": 0, "told": not self._route}
        facts = EscalationFacts(event="stopped", escalation=new_id("esc"), route=self._route, of=self._of)
        subject = {facts.escalation: sha256(facts.escalation.encode())}
        sealed = self._journal.notary.sign_gateway_statement(facts, new_id("rcp"), "", subject, now)
        row = await self._changed(row, row.state.model_copy(update=stopped), sealed)
        log.error("export_stopped", export=self._name, reason=says, hint="see `ailyus export list`")
        await self._tell_again(row)

    async def _tell_again(self, row: ExportRow) -> None:
        if not row.state.told and await self._tell(self._name, row.state.fault):
            await self._changed(row, row.state.model_copy(update={"told": True}))

    async def _changed(self, row: ExportRow, state: ExportState, stated: SignedStatement | None = None) -> ExportRow:
        def work(txn: Txn) -> ExportRow:
            if stated is not None:
                stated.insert(txn)
            return export_states.change(txn, row, state)

        changed = await self._journal.store.write(work)
        lag = await self._journal.store.read_aside(lambda read: lag_of(read, state.cursor, self._part.tenant))
        self.standing = ExportStanding.of(state, lag)
        return changed

    @property
    def _of(self) -> str:
        return f"export/{self._name}"

    @property
    def _route(self) -> str:
        return self._part.escalate or ""
