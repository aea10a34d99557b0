"""The shadow of the live release: a candidate that decides beside it, off the path of a call, and is only ever counted.

`Decisions` and `ActionExecutor` hand over what Cedar was asked (`observe`), after the live release has decided. A task
of its own decides it again by both releases. `AdminApi` begins and ends a shadow; every replica follows the store.

- INVARIANT: a shadow MUST permit nothing and deny nothing: `observe` takes what was decided, and gives nothing back.
- A call MUST never wait for it: what does not fit into the queue is dropped, and counted.
- It MUST go on after a restart, on every replica, until somebody ends it or its time is over.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from contracts.action.request import ActionRequest
from contracts.errors import AilyusError
from policies.decision import DecisionRecord
from policies.release import Release
from policies.simulation import Simulation, SimulationTally
from receipts.tables import shadows
from receipts.tables.shadows import ShadowCount, ShadowFlip, ShadowRecord
from server.actions.runner import ActionRunner
from server.observability import metrics
from server.workspace.release_package import ReleasePackage
from server.workspace.workspace import Workspace

FOLLOW_SECONDS: Final = 2.0
"""How often a gateway looks which shadow is on, and writes what came of it."""
MAX_QUEUE: Final = 1_000
"""Decisions that wait for the shadow; with their evidence they take about four megabytes. As many are decided."""
_GATHER_SECONDS: Final = 0.1
"""How long decisions gather before a thread takes them: one for each would take the interpreter from calls."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ObservedDecision:
    """What was asked when an action was decided. `receipt` is the action's id: its receipt is not written yet."""

    receipt: str
    tenant: str
    connection: str
    requests: bytes
    entities: bytes


@dataclass(frozen=True, slots=True)
class _Active:
    """The shadow that decides in this process, and what it is compared with."""

    digest: str
    release: Release
    live: Release
    simulation: Simulation


class Shadow:
    """Decides beside the live release while a shadow is on."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._queue: asyncio.Queue[ObservedDecision] = asyncio.Queue(MAX_QUEUE)
        self._task: asyncio.Task[None] | None = None
        self._active: _Active | None = None
        self._count = ShadowCount()
        self._flips: dict[str, ShadowFlip] = {}
        self._runner: ActionRunner | None = None
        self.fault = ""
        """Why the shadow that is on does not decide here; '' where it does, or none is on."""

    def observe(self, action: str, request: ActionRequest, record: DecisionRecord | None) -> None:
        """Take note of a decision. It has been made: nothing that comes of this changes it."""
        if self._active is None or record is None:
            return
        one = ObservedDecision(action, request.tenant, request.connection, record.requests, record.entities)
        try:
            self._queue.put_nowait(one)
        except asyncio.QueueFull:
            # a call does not wait for what is only counted
            self._add(ShadowCount(dropped=1), ())

    def start(self, runner: ActionRunner) -> None:
        """From now on decide what is observed."""
        self._runner = runner
        self._task = asyncio.create_task(self._run(), name="shadow")

    async def stop(self) -> None:
        """Decide no more, and write what is counted."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await self._decide(self._waiting())
            with contextlib.suppress(AilyusError):
                await self._write()

    async def begin(self, record: ShadowRecord) -> None:
        """Let this candidate decide beside the live release, in place of another one. Raises `AilyusError`."""
        runner = self._started()
        # what does not load here is refused before it is kept
        await asyncio.to_thread(self._built, record)
        journal, live = runner.journal, runner.release.digest
        await journal.write((), lambda txn: shadows.begin(txn, record, journal.notary, live))
        await self.follow()

    async def end(self, by: str) -> bool:
        """End it, and log by whom and what came of it; False where none is on."""
        # what this gateway counted is part of what came of it
        await self._write()
        runner = self._started()
        journal, live = runner.journal, runner.release.digest
        ended = await journal.write((), lambda txn: shadows.end(txn, journal.notary, live, by))
        await self.follow()
        return ended

    async def follow(self) -> None:
        """Look which shadow is on, decide by it from now on, and write what came of it until now."""
        await self._write()
        runner = self._started()
        record = await runner.journal.store.read_aside(shadows.current)
        if record is None or not record.is_on(runner.journal.store.now_ms()):
            self._active, self.fault = None, ""
            return
        active, live = self._active, runner.release
        if active is not None and active.digest == record.digest and active.live is live:
            return
        try:
            if active is not None and active.digest == record.digest:
                release = active.release
            else:
                release = await asyncio.to_thread(self._built, record)
        except AilyusError as error:
            if self.fault != error.sentence:
                log.warning("shadow_not_taken", code=error.code, hint="end it, and begin it with files that load")
            self._active, self.fault = None, error.sentence
            return
        # guard: a shadow never permits
        self._active, self.fault = _Active(record.digest, release, live, Simulation(live, release)), ""

    def _started(self) -> ActionRunner:
        if self._runner is None:
            raise AilyusError("unavailable", "the gateway does not serve yet")
        return self._runner

    def _built(self, record: ShadowRecord) -> Release:
        return ReleasePackage.model_validate_json(record.package).built(self._workspace)

    async def _run(self) -> None:
        # here and not before the gateway serves: to build a release takes seconds
        try:
            await self.follow()
        except Exception:  # whatever it was, the chore looks for it again soon
            log.exception("shadow_failed")
        while True:
            first = await self._queue.get()
            await asyncio.sleep(_GATHER_SECONDS)
            await self._decide([first, *self._waiting()])

    def _waiting(self) -> list[ObservedDecision]:
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]

    async def _decide(self, some: Sequence[ObservedDecision]) -> None:
        active = self._active
        if active is None or not some:
            return
        self._add(*await asyncio.to_thread(_decided, active.simulation, some))

    def _add(self, count: ShadowCount, flips: Iterable[ShadowFlip]) -> None:
        self._count = self._count.plus(count)
        for outcome in type(count).model_fields:
            if amount := getattr(count, outcome):
                metrics.record_shadow(outcome, amount)
        for flip in flips:
            former = self._flips.get(flip.id)
            if former is None:
                says = f"{flip.before} → {flip.after}"
                log.info("shadow_flip", contract=flip.action, action=flip.actions[0], says=says)
            self._flips[flip.id] = flip if former is None else former.plus(flip)

    async def _write(self) -> None:
        active, count, flips = self._active, self._count, tuple(self._flips.values())
        if active is None or count == ShadowCount():
            return
        self._count, self._flips = ShadowCount(), {}
        digest = active.digest
        try:
            await self._started().journal.store.write(lambda txn: shadows.add(txn, digest, count, flips))
        except Exception:
            # what the store did not take, for whatever reason, is written with what comes next
            self._put_back(count, flips)
            raise

    def _put_back(self, count: ShadowCount, flips: Iterable[ShadowFlip]) -> None:
        self._count = count.plus(self._count)
        for flip in flips:
            later = self._flips.get(flip.id)
            self._flips[flip.id] = flip if later is None else flip.plus(later)


def _decided(simulation: Simulation, some: Iterable[ObservedDecision]) -> tuple[ShadowCount, tuple[ShadowFlip, ...]]:
    """What comes of these decisions: how many of each outcome, and each flip. Off the loop."""
    count = ShadowCount()
    flips: list[ShadowFlip] = []
    for one in some:
        try:
            own, found = _told(one, simulation.of([one]))
        except Exception:  # whatever it was, the others of these are decided
            log.exception("shadow_failed", action=one.receipt)
            own, found = ShadowCount(unfit=1), ()
        count = count.plus(own)
        flips += found
    return count, tuple(flips)


def _told(one: ObservedDecision, tally: SimulationTally) -> tuple[ShadowCount, tuple[ShadowFlip, ...]]:
    flips = tuple(
        ShadowFlip(
            tenant=one.tenant,
            kind=kind.kind,
            action=kind.action,
            agent=kind.agent,
            before=kind.before,
            after=kind.after,
            policies=kind.policies,
            actions=(one.receipt,),
        )
        for kind in tally.flips
    )
    wider = tally.wider
    narrower = len(flips) - wider
    return ShadowCount(same=tally.same, wider=wider, narrower=narrower, unfit=tally.unfit + tally.unplaced), flips
