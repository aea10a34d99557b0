"""A release: contracts, policies, schema, connections and people as one immutable object with one digest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from contracts.canonical import digest
from contracts.catalog import Catalog
from contracts.contract import Input
from contracts.errors import AilyusError
from contracts.inputs import InputSchema
from contracts.program import REASON, Program
from contracts.request import ActionRequest, Caller, ToolCall
from contracts.target import Target
from policies.bundle import load_bundle
from policies.decision import Decider
from policies.principal import People


@dataclass(frozen=True)
class Release:
    """The only thing that decides. Swapped as a whole; files are candidates until they are released.

    `author` released it and may not approve under it; `governed` is false for development workspaces.
    """

    catalog: Catalog
    decider: Decider
    targets: Mapping[str, Target]
    people: People
    digest: str
    origin: str
    author: str | None
    governed: bool
    development: bool
    change_freeze: bool = False

    @classmethod
    def build(
        cls,
        catalog: Catalog,
        policies: Mapping[str, str],
        targets: Mapping[str, Target],
        people: People,
        roles: Iterable[str],
        environments: Iterable[str] = (),
        *,
        origin: str,
        author: str | None = None,
        development: bool = False,
        governed: bool = True,
        change_freeze: bool = False,
    ) -> "Release":
        """Validate and freeze; raises `AilyusError` for whatever does not hold together. Run it off the loop."""
        environments = {t.environment for t in targets.values()} | {"prod", *environments}
        bundle = load_bundle(policies, catalog.programs, roles, environments)
        if author is not None and people.get(author) is None:
            raise AilyusError("unknown_person", f"`{author}` releases this set and is no declared person")
        content = {
            "contracts": {name: program.digest for name, program in catalog.programs.items()},
            "bundle": bundle.digest,
            "targets": {name: target.digest for name, target in targets.items()},
            "people": {p.name: [p.issuer, p.subject, p.tenant, sorted(p.roles)] for p in people.by_name.values()},
            "origin": origin,
            "development": development,
            "changeFreeze": change_freeze,
        }
        decider = Decider(bundle, catalog.programs)
        return cls(
            catalog, decider, targets, people, digest(content), origin, author, governed, development, change_freeze
        )

    def candidates(self, program: Program, tenant: str) -> list[Target]:
        """The connections of the contract's kind in a tenant."""
        return self.of_kind(program.contract.target, tenant)

    def of_kind(self, kind: str, tenant: str) -> list[Target]:
        """The connections of a kind in a tenant, by name."""
        return sorted((t for t in self.targets.values() if (t.kind, t.tenant) == (kind, tenant)), key=lambda t: t.name)

    def target(self, request: ActionRequest) -> Target | None:
        """The connection of a request, if it is one of its tenant's."""
        target = self.targets.get(request.connection)
        return target if target is not None and target.tenant == request.tenant else None

    def beside(self, target: Target, kind: str) -> Target | None:
        """The connection of another kind that belongs to a target: same tenant, same environment where several."""
        if kind == target.kind:
            return target
        found = self.of_kind(kind, target.tenant)
        same = [t for t in found if t.environment == target.environment]
        return same[0] if len(same) == 1 else found[0] if len(found) == 1 else None

    def published(self, program: Program, tenant: str) -> InputSchema:
        """The closed schema that a tenant's agents see: inputs, `reason` where asked, `connection` where several."""
        key = (program.name, tenant)
        if key not in self._schemas:
            self._schemas[key] = self._schema(program, tenant)
        return self._schemas[key]

    @cached_property
    def _schemas(self) -> dict[tuple[str, str], InputSchema]:
        return {}

    def _schema(self, program: Program, tenant: str) -> InputSchema:
        schema = dict(program.inputs.schema)
        properties, required = dict(program.inputs.fields), schema["required"]
        required = list(required) if isinstance(required, list) else []
        names = [t.name for t in self.candidates(program, tenant)]
        if len(names) > 1:
            properties["connection"] = {"type": "string", "enum": list(names), "description": "Which system to use."}
            required.append("connection")
        if program.needs_reason:
            properties["reason"] = dict(REASON)
            required.append("reason")
        return InputSchema.compile({**schema, "properties": properties, "required": required}, program.inputs.finders)

    def parse(self, call: ToolCall, caller: Caller) -> ActionRequest:
        """The untrusted call as one exact action, or `AilyusError` (status `invalid`): nothing was sent.

        A connection that is not one of the tenant's gives a request without a target, which is then denied.
        """
        program = self.catalog.programs.get(call.name)
        if program is None:
            raise AilyusError("unknown_tool", "there is no tool of this name")
        names = [t.name for t in self.candidates(program, caller.tenant)]
        arguments = dict(call.arguments)
        named = arguments.get("connection")
        foreign = isinstance(named, str) and named not in names and len(named) <= 64
        if foreign or (len(names) == 1 and named == names[0]):
            arguments.pop("connection")
            if len(names) > 1:
                arguments["connection"] = names[0]
        parsed = self.published(program, caller.tenant).parse(arguments)
        connection = str(named) if foreign else str(parsed.pop("connection", names[0] if names else ""))
        parsed.pop("connection", None)
        reason = parsed.pop("reason", None)
        target = None if foreign else self.targets.get(connection)
        return ActionRequest(
            contract=program.name,
            version=program.contract.version,
            contract_digest=program.digest,
            kind=program.contract.kind,
            risk=program.contract.risk,
            tenant=caller.tenant,
            agent=caller.agent,
            person=caller.person,
            owner=caller.owner,
            connection=connection,
            target_digest=target.digest if target else "",
            params=parsed,
            reason=reason if isinstance(reason, str) else None,
            caller_key=call.caller_key,
            boundary=caller.boundary,
        )

    def indexed(self, request: ActionRequest) -> dict[str, str]:
        """The inputs of a request that receipts can be found by."""
        program = self.catalog.programs.get(request.contract)
        fields: Mapping[str, Input] = program.contract.inputs if program else {}
        return {name: str(request.params[name]) for name, f in fields.items() if f.index and name in request.params}
