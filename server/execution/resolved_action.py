"""An action with everything that its request names in one release: the contract, the connection, leave to read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from contracts.action.dispatch import ReadPermit
from contracts.action.observation import Observation
from contracts.action.request import ActionRequest
from contracts.action.target import Target
from contracts.compiler.program import Program
from policies.decision import Denied
from policies.release import Release
from receipts.action.action import Action
from server.results.action_sentence import names_of, sentence_of


@dataclass(frozen=True, slots=True)
class ResolvedAction:
    """Made once for each decision. `base` holds the names that an expression may use before anything was read."""

    action: Action
    program: Program
    target: Target
    permit: ReadPermit
    base: Mapping[str, object]

    @property
    def request(self) -> ActionRequest:
        """What is asked for."""
        return self.action.request

    def scope(self, before: Observation) -> dict[str, object]:
        """The names that an expression may use once the source of truth was read."""
        return {**self.base, **before.scope("before")}

    def told(self, before: Observation, release: Release) -> "ResolvedAction":
        """The same, with the sentence of the action; one that was committed before stays as it is."""
        if self.action.sentence is not None:
            return self
        scope = self.scope(before)
        names = names_of(self.program, scope, release.indexed(self.request))
        return replace(self, action=replace(self.action, sentence=sentence_of(self.program, scope), names=names))


def resolve(release: Release, action: Action) -> ResolvedAction | Denied:
    """Steps 1 and 2 under this release: `Denied` where its policies allow no read, or there is no such connection."""
    request = action.request
    program, target = release.catalog.programs[request.contract], release.target(request)
    permit = release.decider.may_observe(request, action.caller, target)
    if isinstance(permit, Denied):
        return permit
    if target is None:
        return Denied("no connection")
    return ResolvedAction(action, program, target, permit, base_scope(program, request, target))


def base_scope(program: Program, request: ActionRequest, target: Target | None) -> dict[str, object]:
    """The names that are known before anything was read."""
    return program.scope(request.params, request.tenant, target.environment if target else "")
