"""What an adapter asks of the live release: the contract and the connection that a request names."""

from typing import Protocol

from contracts.action.request import ActionRequest
from contracts.action.target import Target
from contracts.compiler.catalog import Catalog
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program


class Resolver(Protocol):
    """The contracts and connections of one release. `policies.release.Release` is one."""

    @property
    def catalog(self) -> Catalog:
        """Its contracts and plans."""

    def target(self, request: ActionRequest) -> Target | None:
        """The connection of a request, if it is one of its tenant's."""

    def beside(self, target: Target, kind: str) -> Target | None:
        """The connection of another kind that belongs to a target."""

    def readable(self, contract: str) -> Program | PlanProgram:
        """What declares the reads of a contract or a plan."""
