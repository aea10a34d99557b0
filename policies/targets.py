"""The targets of a release: its connections by name, and the one that a request, a contract or a read is about."""

from collections.abc import Iterator, Mapping

from contracts.action.request import ActionRequest
from contracts.action.target import Target
from contracts.compiler.program import Program


class Targets(Mapping[str, Target]):
    """Connections by name. A lookup for a tenant finds only those of that tenant."""

    def __init__(self, by_name: Mapping[str, Target]) -> None:
        self._by_name = by_name

    def __getitem__(self, name: str) -> Target:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def candidates(self, program: Program, tenant: str) -> list[Target]:
        """The connections of the contract's kind in a tenant."""
        return self.of_kind(program.contract.target, tenant)

    def of_kind(self, kind: str, tenant: str) -> list[Target]:
        """The connections of a kind in a tenant, by name."""
        return sorted((t for t in self.values() if (t.kind, t.tenant) == (kind, tenant)), key=lambda t: t.name)

    def of(self, request: ActionRequest) -> Target | None:
        """The connection of a request, if it is one of its tenant's."""
        target = self.get(request.connection)
        # INVARIANT 9: a name from another tenant finds nothing, as a name that nobody declared
        return target if target is not None and target.tenant == request.tenant else None

    def beside(self, target: Target, kind: str) -> Target | None:
        """The connection of another kind that belongs to a target: same tenant, same environment where several."""
        if kind == target.kind:
            return target
        found = self.of_kind(kind, target.tenant)
        same = [t for t in found if t.environment == target.environment]
        # several that fit are ambiguous: reading the wrong one would prove nothing
        return same[0] if len(same) == 1 else found[0] if len(found) == 1 else None
