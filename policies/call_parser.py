"""The parser of calls: one untrusted call, or one step of a plan, as one exact action under a release."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from contracts.action.request import ActionRequest, Caller, ToolCall
from contracts.compiler.agent_arguments import OPTIONAL_REASON
from contracts.compiler.catalog import Catalog
from contracts.compiler.inputs import InputSchema
from contracts.compiler.plan_program import Unit
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.policy_slice import Slice
from policies.published_schema import PublishedSchemas
from policies.targets import Targets

_REASON = InputSchema.compile({"type": "object", "properties": {"reason": dict(OPTIONAL_REASON)}}, {})


@dataclass(frozen=True, slots=True)
class _Place:
    """The connection that a call named, and the one of its tenant that it is; None where it is none of them."""

    named: str
    connection: str | None


class CallParser:
    """Parses calls of contracts. Nothing is sent and nobody is asked here."""

    def __init__(
        self, catalog: Catalog, targets: Targets, schemas: PublishedSchemas, slices: Mapping[str, Slice]
    ) -> None:
        self._catalog = catalog
        self._targets = targets
        self._schemas = schemas
        self._slices = slices

    def parse(self, call: ToolCall, caller: Caller) -> ActionRequest:
        """The untrusted call as one exact action, or `AilyusError` (status `invalid`): nothing was sent.

        A connection that is not one of the tenant's gives a request without a target, which is then denied.
        """
        program = self._catalog.programs.get(call.name)
        if program is None:
            raise AilyusError("unknown_tool", "there is no tool of this name")
        names = [t.name for t in self._targets.candidates(program, caller.tenant)]
        arguments = dict(call.arguments)
        named = arguments.get("connection")
        # INVARIANT 9: another tenant's name is denied as an unknown one is, and not told apart by the schema
        foreign = isinstance(named, str) and named not in names and len(named) <= 64
        if foreign or (len(names) == 1 and named == names[0]):
            arguments.pop("connection")
            if len(names) > 1:
                arguments["connection"] = names[0]
        why = arguments.pop("reason", None) if not program.is_write else None
        parsed = self._schemas.of_contract(program, caller.tenant).parse(arguments)
        connection = str(named) if foreign else str(parsed.pop("connection", names[0] if names else ""))
        parsed.pop("connection", None)
        parsed.pop("preview", None)
        # an agent may say why it reads, although nobody asks: kept as its words, and in no published schema
        reason = parsed.pop("reason", None) if why is None else _REASON.parse({"reason": why})["reason"]
        place = _Place(connection, None if foreign else connection)
        return self._request(program, caller, parsed, place, reason, call.caller_key)

    def parse_step(self, unit: Unit, caller: Caller, reason: str | None, caller_key: str) -> ActionRequest:
        """One unit of a plan as an action; what arrives late is left open. Raises `AilyusError` naming the step."""
        program = self._catalog.programs[unit.contract]
        late = tuple(sorted(unit.late))
        try:
            # people approve before the value exists, so no policy may have decided on it
            unread = {n for n in late if {n, "*"} & self._slices[program.name].params}
            if unread:
                sentence = f"a policy reads `{sorted(unread)[0]}`, so no earlier step may fill it"
                raise AilyusError("bad_plan", sentence, hint="give the value in the plan")
            call = ToolCall(name=program.name, arguments=self._arguments(unit, program, caller, reason))
            if not late:
                return self.parse(call.model_copy(update={"caller_key": caller_key}), caller)
            parsed = self._schemas.without(program, caller.tenant, frozenset(late)).parse(call.arguments)
        except AilyusError as error:
            raise error.inside(f"/steps/{unit.key}", f"in the step `{unit.key}`") from None
        names = [t.name for t in self._targets.candidates(program, caller.tenant)]
        connection = str(parsed.pop("connection", names[0] if names else ""))
        why = parsed.pop("reason", None)
        return self._request(program, caller, parsed, _Place(connection, connection), why, caller_key, late)

    def filled(self, request: ActionRequest, values: Mapping[str, JsonValue], caller: Caller) -> ActionRequest:
        """The action of a step with what arrived late, checked as everything else and against its declared bounds."""
        program = self._catalog.programs[request.contract]
        for name, value in values.items():
            # the value comes from a target, so it is held against its declared bound again
            late = program.contract.inputs[name].late
            if late is not None and not late.fits(value):
                raise AilyusError("wrong_format", f"`{name}` is not what may arrive late", field=f"/{name}")
        arguments = {**request.params, **values}
        if len(self._targets.candidates(program, caller.tenant)) > 1:
            arguments["connection"] = request.connection
        if request.reason is not None:
            arguments["reason"] = request.reason
        return self.parse(ToolCall(name=request.contract, arguments=arguments, caller_key=request.caller_key), caller)

    def _arguments(self, unit: Unit, program: Program, caller: Caller, reason: str | None) -> dict[str, JsonValue]:
        arguments = dict(unit.arguments)
        if unit.connection is not None:
            arguments["connection"] = unit.connection
        if program.needs_reason:
            arguments["reason"] = reason or f"a step of a plan: {unit.key}"
        return arguments

    def _request(
        self,
        program: Program,
        caller: Caller,
        params: Mapping[str, JsonValue],
        place: _Place,
        reason: JsonValue,
        caller_key: str | None,
        late: tuple[str, ...] = (),
    ) -> ActionRequest:
        target = self._targets.get(place.connection) if place.connection is not None else None
        return ActionRequest(
            contract=program.name,
            version=program.contract.version,
            contract_digest=program.digest,
            kind=program.contract.kind,
            risk=program.contract.risk,
            tenant=caller.tenant,
            agent=caller.agent,
            person=caller.person,
            # INVARIANT 2: kept with the request, since the owner may not approve it
            owner=caller.owner,
            connection=place.named,
            target_digest=target.digest if target else "",
            params=params,
            reason=reason if isinstance(reason, str) else None,
            caller_key=caller_key,
            boundary=caller.boundary,
            late=late,
        )
