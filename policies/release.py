"""A release: contracts, policies, schema, connections and people as one immutable object with one digest.

`Release.build` puts it together and refuses what does not fit; `parse` and `parse_plan` turn an agent's call into one
exact request under it. The workspace builds releases, `App` makes one live, and `Pipeline` and its parts work under it.
It does not say who may release (`accept` of the server does), and it reads no file and no store.

- Only the live release MUST decide; it is swapped as a whole (invariant 8).
- A call MUST become one exact request under a closed schema, or `AilyusError` with nothing sent (step 1 of the path).
- A connection of another tenant MUST give a request without a target, which is then denied (invariant 9).
- A connection's environment MUST be a declared one.
- A fallback by pages MUST NOT act by an account that may be wider than the first route's, as far as the settings tell.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pydantic import JsonValue, ValidationError

from contracts.action.request import ActionRequest, Caller, ToolCall
from contracts.action.target import Target
from contracts.canonical import digest
from contracts.compiler.catalog import Catalog
from contracts.compiler.inputs import InputSchema
from contracts.compiler.plan import MAX_PLAN, MAX_STEPS, Plan, PlanProgram, Unit, compile_plan
from contracts.compiler.program import PREVIEW, REASON, Program
from contracts.errors import AilyusError
from contracts.schema.contract import Input
from policies.bundle import ENGINE, Bundle, load_bundle
from policies.decision import Decider
from policies.guards import GuardsAt, guards_at, unknown_people
from policies.principal import People
from policies.run_plan_schema import RUN_PLAN, RUN_PLAN_SCHEMA

_UNFOLDING = threading.Lock()
_RUN_PLAN = InputSchema.compile(RUN_PLAN_SCHEMA, {})


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A plan as one request, with its units and the request of each; inputs that arrive late are open in those."""

    request: ActionRequest
    program: PlanProgram
    units: tuple[Unit, ...]
    steps: tuple[ActionRequest, ...]

    def is_first(self, position: int) -> bool:
        """Does nothing of the same item come before it?"""
        group = self.units[position].group
        return all(unit.group != group for unit in self.units[max(0, position - MAX_STEPS) : position])


@lru_cache(maxsize=8)
def _bundle_of(
    catalog: Catalog, policies: tuple[tuple[str, str], ...], roles: frozenset[str], environments: frozenset[str]
) -> Bundle:
    """The policies of one catalog, parsed and validated once."""
    return load_bundle(dict(policies), catalog.programs, roles, environments)


@dataclass(frozen=True)
class Release:
    """The only thing that decides. Swapped as a whole; files are candidates until they are released.

    `author` released it and may not approve under it; `governed` is false for what nobody signed, which only a
    development workspace serves. `releasers` are the roles that may release.
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
    releasers: frozenset[str] = frozenset()

    @classmethod
    def build(
        cls,
        catalog: Catalog,
        policies: Mapping[str, str],
        targets: Mapping[str, Target],
        people: People,
        roles: Iterable[str],
        environments: Iterable[str] = ("prod", "staging"),
        *,
        origin: str,
        author: str | None = None,
        development: bool = False,
        governed: bool = True,
        change_freeze: bool = False,
        releasers: Iterable[str] = (),
    ) -> "Release":
        """Validate and freeze; raises `AilyusError` for whatever does not hold together. Run it off the loop."""
        environments = frozenset(environments)
        for target in targets.values():
            _check_environment(target, environments)
        bundle = _bundle_of(catalog, tuple(sorted(policies.items())), frozenset(roles), environments)
        for name, person in unknown_people(bundle, people.by_name):
            hint = "correct the name, or declare the person under [[people]] in ailyus.toml"
            raise AilyusError("bad_policy", f"`{name}` guards against `{person}`, who is no declared person", hint=hint)
        if author is not None and people.get(author) is None:
            raise AilyusError("unknown_person", f"`{author}` releases this set and is no declared person")
        for target in targets.values():
            _check_fallback(target, catalog.programs.values())
        content: dict[str, object] = {
            "contracts": {name: program.digest for name, program in catalog.programs.items()},
            "bundle": bundle.digest,
            "engine": ENGINE,
            "targets": {name: target.digest for name, target in targets.items()},
            "people": {p.name: [p.issuer, p.subject, p.tenant, sorted(p.roles)] for p in people.by_name.values()},
            "origin": origin,
            "development": development,
            "changeFreeze": change_freeze,
        }
        if catalog.plans:
            content["plans"] = {name: plan.digest for name, plan in catalog.plans.items()}
        may_release = frozenset(releasers)
        if may_release:
            content["releasers"] = sorted(may_release)
        decider = Decider(bundle, catalog.programs)
        return cls(
            catalog,
            decider,
            targets,
            people,
            digest(content),
            origin,
            author,
            governed,
            development,
            change_freeze,
            may_release,
        )

    def guards(self) -> tuple[GuardsAt, ...]:
        """Which guards hold at each connection."""
        return guards_at(self.decider.bundle, self.catalog.programs, self.targets.values())

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
        if program.is_write:
            properties["preview"] = dict(PREVIEW)
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
        parsed.pop("preview", None)
        reason = parsed.pop("reason", None)
        return self._request(
            program, caller, parsed, reason, None if foreign else connection, call.caller_key, named=connection
        )

    def _request(
        self,
        program: Program,
        caller: Caller,
        params: Mapping[str, JsonValue],
        reason: JsonValue,
        connection: str | None,
        caller_key: str | None,
        *,
        named: str,
        late: tuple[str, ...] = (),
    ) -> ActionRequest:
        target = self.targets.get(connection) if connection is not None else None
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
            connection=named,
            target_digest=target.digest if target else "",
            params=params,
            reason=reason if isinstance(reason, str) else None,
            caller_key=caller_key,
            boundary=caller.boundary,
            late=late,
        )

    def parse_step(self, unit: Unit, caller: Caller, reason: str | None, caller_key: str) -> ActionRequest:
        """One unit of a plan as an action; what arrives late is left open. Raises `AilyusError` naming the step."""
        program = self.catalog.programs[unit.contract]
        late = tuple(sorted(unit.late))
        try:
            unread = {n for n in late if {n, "*"} & self.decider.bundle.slices[program.name].params}
            if unread:
                sentence = f"a policy reads `{sorted(unread)[0]}`, so no earlier step may fill it"
                raise AilyusError("bad_plan", sentence, hint="give the value in the plan")
            call = ToolCall(name=program.name, arguments=self._arguments(unit, program, caller, reason))
            if not late:
                return self.parse(call.model_copy(update={"caller_key": caller_key}), caller)
            parsed = self._without(program, caller.tenant, frozenset(late)).parse(call.arguments)
        except AilyusError as error:
            where = f"/steps/{unit.key}{error.field or ''}"
            sentence = f"in the step `{unit.key}`: {error.sentence}"
            raise AilyusError(error.code, sentence, hint=error.hint, field=where) from None
        names = [t.name for t in self.candidates(program, caller.tenant)]
        connection = str(parsed.pop("connection", names[0] if names else ""))
        why = parsed.pop("reason", None)
        return self._request(program, caller, parsed, why, connection, caller_key, named=connection, late=late)

    def _arguments(self, unit: Unit, program: Program, caller: Caller, reason: str | None) -> dict[str, JsonValue]:
        arguments = dict(unit.arguments)
        if unit.connection is not None:
            arguments["connection"] = unit.connection
        if program.needs_reason:
            arguments["reason"] = reason or f"a step of a plan: {unit.key}"
        return arguments

    def _without(self, program: Program, tenant: str, late: frozenset[str]) -> InputSchema:
        """The published schema without the inputs that arrive late."""
        schema = dict(self.published(program, tenant).schema)
        properties, required = schema["properties"], schema["required"]
        if isinstance(properties, dict) and isinstance(required, list):
            schema["properties"] = {n: v for n, v in properties.items() if n not in late}
            schema["required"] = [n for n in required if n not in late]
        return InputSchema.compile(schema, program.inputs.finders)

    def filled(self, request: ActionRequest, values: Mapping[str, JsonValue], caller: Caller) -> ActionRequest:
        """The action of a step with what arrived late, checked as everything else and against its declared bounds."""
        program = self.catalog.programs[request.contract]
        for name, value in values.items():
            late = program.contract.inputs[name].late
            if late is not None and not late.fits(value):
                raise AilyusError("wrong_format", f"`{name}` is not what may arrive late", field=f"/{name}")
        arguments = {**request.params, **values}
        if len(self.candidates(program, caller.tenant)) > 1:
            arguments["connection"] = request.connection
        if program.needs_reason and request.reason is not None:
            arguments["reason"] = request.reason
        return self.parse(ToolCall(name=request.contract, arguments=arguments, caller_key=request.caller_key), caller)

    def parse_plan(self, call: ToolCall, caller: Caller) -> "PlanRequest":
        """A call of a plan, or of `run_plan`, as one request and its units; raises `AilyusError`: nothing was sent.

        Meant for a thread: a large plan takes a tenth of a second. One at a time, since CEL says nothing about threads.
        """
        with _UNFOLDING:
            return self._parse_plan(call, caller)

    def _parse_plan(self, call: ToolCall, caller: Caller) -> "PlanRequest":
        if call.name == RUN_PLAN:
            arguments = _RUN_PLAN.parse(call.arguments, MAX_PLAN)
            reason = arguments.pop("reason", None)
            arguments.pop("preview", None)
            params: dict[str, JsonValue] = {"plan": arguments}
            program = self.plan_of_agent(arguments)
        else:
            program = self.catalog.plans[call.name]
            params = self.published_plan(program).parse(call.arguments, MAX_PLAN)
            reason = params.pop("reason", None)
            params.pop("preview", None)
        units = program.unfold({} if call.name == RUN_PLAN else params, caller.tenant)
        why = reason if isinstance(reason, str) else None
        steps = tuple(self.parse_step(unit, caller, why, unit.key) for unit in units)
        return PlanRequest(self._plan_request(program, call, caller, params, why, units, steps), program, units, steps)

    def _plan_request(
        self,
        program: PlanProgram,
        call: ToolCall,
        caller: Caller,
        params: Mapping[str, JsonValue],
        reason: str | None,
        units: Sequence[Unit],
        steps: Sequence[ActionRequest],
    ) -> ActionRequest:
        content = [[u.key, s.action_digest, sorted(u.late.items())] for u, s in zip(units, steps, strict=True)]
        return ActionRequest(
            contract=call.name,
            version=program.plan.version,
            contract_digest=program.digest,
            kind="write",
            risk=program.risk,
            tenant=caller.tenant,
            agent=caller.agent,
            person=caller.person,
            owner=caller.owner,
            connection=steps[0].connection,
            target_digest=digest(content),
            params=params,
            reason=reason,
            caller_key=call.caller_key,
            boundary=caller.boundary,
        )

    def plan_again(self, request: ActionRequest, caller: Caller) -> "PlanRequest":
        """A stored request of a plan, unfolded under this release; raises when it is none of its plans any more."""
        arguments = request.params.get("plan") if request.contract == RUN_PLAN else dict(request.params)
        if not isinstance(arguments, dict):
            raise AilyusError("store_corrupt", "a stored plan is not readable")
        if request.contract != RUN_PLAN and request.contract not in self.catalog.plans:
            raise AilyusError("policy_changed", "the plan is not part of the release any more")
        if request.reason is not None:
            arguments = {**arguments, "reason": request.reason}
        call = ToolCall(name=request.contract, arguments=arguments, caller_key=request.caller_key)
        return self.parse_plan(call, caller)

    def plan_of_agent(self, arguments: Mapping[str, JsonValue]) -> PlanProgram:
        """A plan that an agent handed in, compiled with its texts as data."""
        content = {
            "plan": "run_plan",
            "title": "A plan of the agent",
            "summary": "steps that the agent put together",
            "use_when": "an agent asked for it",
            **arguments,
        }
        try:
            plan = Plan.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = "/" + "/".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            raise AilyusError("bad_plan", f"`{where}`: {message[:1].lower()}{message[1:]}", field=where) from None
        return compile_plan(plan, self.catalog.programs, of_agent=True)

    def published_plan(self, program: PlanProgram) -> InputSchema:
        """The closed schema of a plan's tool."""
        key = (program.name, "")
        if key not in self._schemas:
            schema = dict(program.inputs.schema)
            required = schema["required"]
            properties = {**program.inputs.fields, "preview": dict(PREVIEW)}
            names = list(required) if isinstance(required, list) else []
            if program.needs_reason:
                properties["reason"] = dict(REASON)
                names.append("reason")
            self._schemas[key] = InputSchema.compile(
                {**schema, "properties": properties, "required": names}, program.inputs.finders
            )
        return self._schemas[key]

    def readable(self, contract: str) -> Program | PlanProgram:
        """What declares the reads of a contract or a plan."""
        return self.catalog.plans[contract] if contract in self.catalog.plans else self.catalog.programs[contract]

    def is_plan(self, name: str) -> bool:
        """Is this tool a plan?"""
        return name == RUN_PLAN or name in self.catalog.plans

    def indexed(self, request: ActionRequest) -> dict[str, str]:
        """The inputs of a request that receipts can be found by."""
        program = self.catalog.programs.get(request.contract)
        fields: Mapping[str, Input] = program.contract.inputs if program else {}
        return {name: str(request.params[name]) for name, f in fields.items() if f.index and name in request.params}


def _check_environment(target: Target, environments: frozenset[str]) -> None:
    # INVARIANT: a misspelt environment would take every guard of the real one off the connection
    if target.environment not in environments:  # guard: declared environments
        names = ", ".join(f"`{name}`" for name in sorted(environments)) or "none"
        raise AilyusError(
            "bad_settings",
            f"the connection `{target.name}` has the environment `{target.environment}`, which is not declared",
            hint=f"`environments` in ailyus.toml declares {names}; correct the connection, or declare the environment "
            "and write its guards",
            field=f"connections.{target.name}.environment",
        )


def _check_fallback(target: Target, programs: Iterable[Program]) -> None:
    """A fallback identity is never wider than the first route's, as far as the settings declare it."""
    for program in programs:
        ways = {route.way for route in program.contract.execute}
        # guard: no wider account
        if program.contract.target == target.kind and ways == {"http", "browser"} and target.widens:
            account = target.ui.principal if target.ui else ""
            raise AilyusError(
                "bad_settings",
                f"`{program.name}`: the browser's account `{account}` may be wider than `{target.principal}`",
                hint="use the same account for both, or list `rights` of the connection and of its browser",
                field=f"connections.{target.name}.browser",
            )
