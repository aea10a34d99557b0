"""The witnesses of an intent: where the settings say so, enough of them have cosigned it before its request leaves.

Asked twice: before an intent is signed, so that an outage of the witnesses uses no approval up, and after its commit,
for the checkpoint that covers it. Who is not answered in time sends nothing (`unavailable`).
"""

from dataclasses import replace

import orjson

from adapters.delivery import DeliveryReport
from contracts.action.dispatch import Dispatch
from contracts.action.observation import Execution, ReadOutage
from contracts.action.request import ActionRequest
from contracts.compiler.program import Program
from policies.decision import DecisionRecord, Unavailable
from receipts.action.action import Intent
from receipts.journal.intent import IntentCommit
from receipts.journal.journal import Journal
from receipts.log.signing import Envelope
from receipts.reconciliation.verdict import Reason
from receipts.statement.entries import LogEntry
from receipts.statement.json_value import object_of
from receipts.store.log_tables import witnessed_size
from server.observability import metrics


class IntentQuorum:
    """Asks the witnesses about intents."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def lacks(self, request: ActionRequest, program: Program, record: DecisionRecord) -> Unavailable | None:
        """Why no intent of this request would be cosigned now; None where it would be, or where none needs to be."""
        quorum = self._journal.quorum
        if not quorum.need(program.contract.risk) or (sentence := await quorum.outage()) is None:
            return None
        metrics.record_outage(ReadOutage(sentence, "not_cosigned", request.connection))
        return Unavailable(sentence, record, "not_cosigned", request.connection)

    async def unsent(self, commit: IntentCommit, dispatch: Dispatch, program: Program) -> Execution | None:
        """The attempt as it ended without a send, since too few cosigned its intent; None where it may leave."""
        if not commit.cosignatures:
            return None
        started = self._journal.store.now_ms()
        with metrics.time_step("cosign"):
            if await self._journal.cosigned(dispatch):
                return None
        report = DeliveryReport(
            dispatch, program.contract.execute[dispatch.route].way, started, self._journal.store.now_ms
        )
        unsent = report.unsent(Reason.UNCOSIGNED)
        metrics.record_attempt(dispatch, unsent)
        # a further attempt follows one that was sent: that nothing was sent is then not so
        return replace(unsent, uncosigned=dispatch.attempt == 1)

    async def resumed(self, intent: Intent, entry: LogEntry, envelope: Envelope) -> Intent:
        """The intent of a process that died: did its request still wait for cosignatures?

        INVARIANT: only what its signed intent says counts, not the settings of today: they may ask for more.
        """
        said = object_of(object_of(orjson.loads(envelope.payload)).get("predicate"))
        if intent.attempt > 1 or not said.get("cosignatures"):
            return intent
        witnessed = await self._journal.store.read_aside(witnessed_size)
        return replace(intent, uncosigned=witnessed <= entry.leaf_index)  # guard: what waited for a cosignature
