"""What the plan's own steps wrote, and what somebody else changed since the plan was approved."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from contracts.action.observation import Observation
from contracts.action.rendered_request import place_read
from contracts.action.request import ActionRequest
from contracts.compiler.check import ABSENT, lookup
from contracts.compiler.program import Program
from contracts.hiding import Hiding
from policies.decision import ResourceFacts
from policies.release import Release
from server.execution.approval_request import pinned, value_digest
from server.execution.resolved_action import ResolvedAction, base_scope
from server.plans.progress import Touched


class PlanWrites:
    """Tells the writes of a plan's own steps from everybody else's."""

    def __init__(self, release: Release, hiding: Hiding) -> None:
        self._release = release
        self._hiding = hiding

    def drift(
        self,
        pins: Mapping[str, str],
        touched: Touched,
        resolved: ResolvedAction,
        before: Observation,
        facts: ResourceFacts,
    ) -> str | None:
        """The first pinned path that changed since the approval, other than by the plan's own steps; None: no drift."""
        if not pins:
            return None
        scope = resolved.scope(before)
        own = self.expected_reads(resolved.request, touched)
        for path, now in pinned(resolved.program, facts, scope, self._hiding).items():
            if pins.get(path) == now:
                continue
            if own and not path.startswith("before."):
                continue  # it follows from what the plan changed, and Cedar decided on its live value just now
            # INVARIANT: only what the plan's own confirmed steps left behind may differ from what was approved
            left = lookup(path, own)
            if not own or self._digest(left) != self._digest(lookup(path, scope)):  # guard: drift in a plan
                return path
        return None

    def expected_reads(self, request: ActionRequest, touched: Touched) -> dict[str, JsonValue]:
        """What a request's reads would give if nobody but the plan itself had changed anything since."""
        program = self._release.catalog.programs[request.contract]
        return {f"before.{name}": touched[place] for name, place in self._places(program, request) if place in touched}

    def reads_after(self, request: ActionRequest, after: Observation | None) -> Touched:
        """What a confirmed step left at every place that it read."""
        program = self._release.catalog.programs[request.contract]
        found = after.readings if after else {}
        return {place: found[name].value for name, place in self._places(program, request) if name in found}

    def _places(self, program: Program, request: ActionRequest) -> Iterator[tuple[str, str]]:
        target = self._release.target(request)
        if target is None:
            return
        scope = base_scope(program, request, target)
        for read in program.reads:
            beside = self._release.beside(target, read.target)
            place = place_read(read, beside, scope) if beside else None
            if place is not None:
                yield read.name, place

    def _digest(self, value: object) -> str:
        """A value as what was kept of it, in clear or as digests, is compared with it."""
        return value_digest(value if value is ABSENT else self._hiding.all(value))  # type: ignore[arg-type]  # JSON
