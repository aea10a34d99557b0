"""Rounds: the newest checkpoint is sent to every witness that has not cosigned it, and what they say is kept.

A round runs beside what agents and people ask for. One that is not `whole` ends as soon as enough witnesses cosigned,
for whoever waits for that (`synchronous_rounds.py`); both may run at once, as those of two gateways do. A witness that
is down is asked again in the next one; one that refuses is told to people, as an error of the log, a signed statement
and, where the settings name a route, a webhook.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass

import orjson
import structlog

from adapters.credentials.cache import Credentials
from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.log.checkpoint import Checkpoint
from receipts.log.cosignature import quorum_of
from receipts.statement.gateway_facts import EscalationFacts
from receipts.store.log_tables import witnessed_size
from receipts.store.transaction import Txn
from receipts.tables import witness_states
from receipts.tables.witness_states import WitnessState
from receipts.witness.submission import Cosignature, NoAnswer, Reply, WitnessRefusal
from server.operations.webhooks import client, posted
from server.operations.witness_client import ask
from server.workspace.settings.notification import EscalationPart
from server.workspace.settings.witness import CosignerPart, WitnessPart

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WitnessStanding:
    """How the last round left it: how many witnesses there are, cosigned the newest checkpoint asked for, and refuse.

    `size` is how many statements enough of them have cosigned.
    """

    witnesses: int
    cosigned: int = 0
    refusing: int = 0
    size: int = 0


class WitnessRounds:
    """Asks the witnesses of the settings, one round after the other."""

    def __init__(
        self, journal: Journal, part: WitnessPart, routes: Mapping[str, EscalationPart], credentials: Credentials
    ) -> None:
        self._journal = journal
        self.part = part
        self._quorum = quorum_of(part.quorum, [one.key for one in part.cosigners])
        self._credentials = credentials
        if part.escalate is not None and part.escalate not in routes:
            hint = f"add [escalations.{part.escalate}], or name another one as `escalate` under [witness]"
            raise AilyusError("bad_settings", f"there is no escalation `{part.escalate}`", hint=hint)
        self._route = routes[part.escalate] if part.escalate is not None else None
        self._http = client()
        self._unreached: dict[str, str] = {}
        self.covered = 0
        """How many statements one checkpoint covers that enough witnesses cosigned, as the store holds it."""
        self.standing = WitnessStanding(len(part.cosigners))

    @property
    def is_short(self) -> bool:
        """Did too few witnesses answer in the last round for those requests to leave?"""
        return self.part.synchronous is not None and self.standing.cosigned < self.part.quorum

    async def close(self) -> None:
        """Give connections back."""
        await self._http.aclose()

    async def round(self, *, whole: bool = True) -> None:
        """Ask every witness that has not cosigned the newest checkpoint; not `whole`: until enough of them have."""
        store = self._journal.store
        note = await store.newest()
        if not note:
            return
        size = Checkpoint.of_note(note).size
        known, covered = await store.read_aside(lambda read: (witness_states.states(read), witnessed_size(read)))
        self.covered = max(self.covered, covered)
        due = [one for one in self.part.cosigners if self._state(known, one).size != size]
        if self.covered < size and len(self.part.cosigners) - len(due) >= self.part.quorum:
            due = list(self.part.cosigners)  # they cosigned it under settings that asked for others
        # what was not delivered is tried again, also where the witness says nothing new
        asked = {one.cosigner.name: self._asked(one, note, self._state(known, one).size) for one in due}
        up_to_date = len(self.part.cosigners) - len(due)
        found = await _replies(asked, len(due) if whole else self.part.quorum - up_to_date)
        for name, reply in found.items():
            self._log(name, reply)
        told = await self._told({name: known.get(name, WitnessState()) for name in found}, found)
        kept: dict[str, WitnessState] = {}
        if any(not isinstance(reply, NoAnswer) for reply in found.values()):
            kept, covered = await store.write(lambda txn: self._keep(txn, size, found, told))
            self.covered = max(self.covered, covered)
        self._stand(size, {**known, **kept})

    def _state(self, known: Mapping[str, WitnessState], one: CosignerPart) -> WitnessState:
        return known.get(one.cosigner.name, WitnessState())

    async def _asked(self, one: CosignerPart, note: str, old: int) -> Reply:
        reply = await ask(self._http, self._journal.store.read_aside, one.url, one.cosigner, note, old)
        if isinstance(reply, WitnessRefusal):
            # another gateway of this store may have logged more meanwhile, and asked for it
            newest = Checkpoint.of_note(await self._journal.store.newest()).size
            if Checkpoint.of_note(note).size < reply.seen <= newest:
                return NoAnswer("another gateway was quicker")
        return reply

    def _log(self, name: str, reply: Reply) -> None:
        """Once for each change: a witness that is down for a day fills no log."""
        says = reply.says if isinstance(reply, NoAnswer | WitnessRefusal) else ""
        if says != self._unreached.get(name, ""):
            if isinstance(reply, WitnessRefusal):
                log.error("witness_refuses", witness=name, reason=says, hint="see `ailyus audit`")
            elif says:
                log.warning("witness_silent", witness=name, reason=says)
            else:
                log.info("witness_cosigns", witness=name)
        self._unreached[name] = says

    def _keep(
        self,
        txn: Txn,
        size: int,
        found: Mapping[str, Reply],
        told: Mapping[str, bool],
    ) -> tuple[dict[str, WitnessState], int]:
        """Inside a commit: cosignatures go into the checkpoint's note, and how each witness stands beside it.

        Also says how many statements are covered then. What another round kept meanwhile is not taken back.
        """
        known, covered = witness_states.states(txn.query), witnessed_size(txn.query)
        lines = [line for reply in found.values() if isinstance(reply, Cosignature) for line in reply.lines]
        if lines and self._quorum.is_met(witness_states.cosign_note(txn, size, lines)):
            covered = max(covered, size)
            witness_states.mark_witnessed(txn, covered)
        kept: dict[str, WitnessState] = {}
        for name, reply in found.items():
            before = known.get(name, WitnessState())
            if isinstance(reply, Cosignature):
                kept[name] = WitnessState(size=max(size, before.size), at_ms=txn.now_ms)
            elif isinstance(reply, WitnessRefusal):
                since = before.refused_ms or txn.now_ms
                what = {"refusal": reply.says, "refused_ms": since, "told": told[name]}
                kept[name] = before.model_copy(update=what)
                if not before.refusal:
                    self._state_refusal(txn, name)
            if name in kept and kept[name] != before:
                witness_states.keep(txn, name, kept[name])
        return kept, covered

    def _state_refusal(self, txn: Txn, name: str) -> None:
        """The log itself says that a witness refuses it: whoever forks it carries that along, or leaves a gap."""
        facts = EscalationFacts(event="refused", escalation=new_id("esc"), route=self.part.escalate or "", of=name)
        notary, subject = self._journal.notary, {facts.escalation: sha256(facts.escalation.encode())}
        notary.sign_gateway_statement(facts, new_id("rcp"), "", subject, txn.now_ms).insert(txn)

    async def _told(self, known: Mapping[str, WitnessState], found: Mapping[str, Reply]) -> dict[str, bool]:
        """Tell people of each refusal of which nobody was told yet; which of them somebody knows."""
        refusals = [(name, reply) for name, reply in found.items() if isinstance(reply, WitnessRefusal)]
        return {
            name: (bool(known[name].refusal) and known[name].told) or await self._delivered(name, reply)
            for name, reply in refusals
        }

    async def _delivered(self, name: str, reply: WitnessRefusal) -> bool:
        if self._route is None:
            return True
        body = orjson.dumps({"event": "witness", "witness": name, "status": "refused", "says": reply.says})
        return await posted(self._http, self._credentials, self._route, body, self._journal.store.now_ms())

    def _stand(self, size: int, known: Mapping[str, WitnessState]) -> None:
        own: Sequence[WitnessState] = [self._state(known, one) for one in self.part.cosigners]
        sizes = sorted((state.size for state in own), reverse=True)
        self.standing = WitnessStanding(
            len(own),
            sum(state.size >= size for state in own),
            sum(bool(state.refusal) for state in own),
            sizes[self.part.quorum - 1],
        )


async def _replies(asked: Mapping[str, Coroutine[None, None, Reply]], enough: int) -> dict[str, Reply]:
    """What the witnesses say, by name; who is still silent when so many have cosigned is left out."""
    tasks = {asyncio.create_task(one): name for name, one in asked.items()}
    pending, cosigned = set(tasks), 0
    try:
        while pending and (cosigned < enough or enough == len(tasks)):
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            cosigned += sum(isinstance(task.result(), Cosignature) for task in done)
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    return {name: task.result() for task, name in tasks.items() if task not in pending}
