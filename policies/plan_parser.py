"""The parser of plans: a call of a plan, or of `run_plan`, as one request and the requests of its units."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from contracts.action.request import ActionRequest, Caller, ToolCall
from contracts.canonical import digest
from contracts.compiler.catalog import Catalog
from contracts.compiler.inputs import MAX_FAULTS, InputSchema
from contracts.compiler.plan_compiler import MAX_PLAN, compile_plan
from contracts.compiler.plan_program import PlanProgram, Unit
from contracts.errors import AilyusError
from contracts.schema.plan import MAX_STEPS, Plan
from policies.call_parser import CallParser
from policies.published_schema import PublishedSchemas
from policies.run_plan_schema import RUN_PLAN, RUN_PLAN_SCHEMA

# CEL says nothing about threads, and a large plan takes a tenth of a second
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


class PlanParser:
    """Parses calls of plans. Each unit is parsed as the call of its contract that it is."""

    def __init__(self, catalog: Catalog, calls: CallParser, schemas: PublishedSchemas) -> None:
        self._catalog = catalog
        self._calls = calls
        self._schemas = schemas

    def knows(self, name: str) -> bool:
        """Is this tool a plan?"""
        return name == RUN_PLAN or name in self._catalog.plans

    def parse(self, call: ToolCall, caller: Caller) -> PlanRequest:
        """The call as one request and its units; raises `AilyusError`: nothing was sent.

        Meant for a thread: a large plan takes a tenth of a second. One at a time, since CEL says nothing about threads.
        """
        with _UNFOLDING:
            return self._parse(call, caller)

    def again(self, request: ActionRequest, caller: Caller) -> PlanRequest:
        """A stored request of a plan, unfolded under this release; raises when it is none of its plans any more."""
        arguments = request.params.get("plan") if request.contract == RUN_PLAN else dict(request.params)
        if not isinstance(arguments, dict):
            raise AilyusError("store_corrupt", "a stored plan is not readable")
        # INVARIANT 8: a plan that is no longer released does not go on
        if request.contract != RUN_PLAN and request.contract not in self._catalog.plans:
            raise AilyusError("policy_changed", "the plan is not part of the release any more")
        if request.reason is not None:
            arguments = {**arguments, "reason": request.reason}
        call = ToolCall(name=request.contract, arguments=arguments, caller_key=request.caller_key)
        return self.parse(call, caller)

    def _parse(self, call: ToolCall, caller: Caller) -> PlanRequest:
        # INVARIANT 9: an agent's plan is compiled with its texts as data
        if call.name == RUN_PLAN:
            arguments = _RUN_PLAN.parse(call.arguments, MAX_PLAN)
            reason = arguments.pop("reason", None)
            arguments.pop("preview", None)
            params: dict[str, JsonValue] = {"plan": arguments}
            program = self._of_agent(arguments)
        else:
            program = self._catalog.plans[call.name]
            params = self._schemas.of_plan(program).parse(call.arguments, MAX_PLAN)
            reason = params.pop("reason", None)
            params.pop("preview", None)
        units = program.unfold({} if call.name == RUN_PLAN else params, caller.tenant)
        why = reason if isinstance(reason, str) else None
        steps = tuple(self._calls.parse_step(unit, caller, why, unit.key) for unit in units)
        request = replace(
            _request(program, call, caller, params, why),
            connection=steps[0].connection,
            target_digest=_digest(units, steps),
        )
        return PlanRequest(request, program, units, steps)

    def _of_agent(self, arguments: Mapping[str, JsonValue]) -> PlanProgram:
        """A plan that an agent handed in, compiled with its texts as data."""
        content = {
            "plan": "run_plan",
            "title": "A plan of the agent",
            "summary": "steps that the agent put together",
            "use_when": "an agent asked for it",
            # behind our own words, which the closed schema of `run_plan` lets nobody replace except the title
            **arguments,
        }
        try:
            plan = Plan.model_validate(content)
        except ValidationError as error:
            raise AilyusError.all_of([_explained(problem) for problem in error.errors()[:MAX_FAULTS]]) from None
        return compile_plan(plan, self._catalog.programs, of_agent=True)


def _explained(problem: ErrorDetails) -> AilyusError:
    """One fault of a plan that an agent wrote."""
    where = "/" + "/".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    return AilyusError("bad_plan", f"`{where}`: {message[:1].lower()}{message[1:]}", field=where)


def _digest(units: Sequence[Unit], steps: Sequence[ActionRequest]) -> str:
    """What stands for the target of a plan: every step with its own target, and what arrives late."""
    return digest([[u.key, s.action_digest, sorted(u.late.items())] for u, s in zip(units, steps, strict=True)])


def _request(
    program: PlanProgram, call: ToolCall, caller: Caller, params: Mapping[str, JsonValue], reason: str | None
) -> ActionRequest:
    """The plan as one action, still without its steps."""
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
        connection="",
        target_digest="",
        params=params,
        reason=reason,
        caller_key=call.caller_key,
        boundary=caller.boundary,
    )
