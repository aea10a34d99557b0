"""The published schema of a tool: the closed inputs of a contract or a plan, with what the gateway itself adds."""

from collections.abc import Sequence
from typing import Final

from contracts.compiler.agent_arguments import OPTIONAL_REASON, PREVIEW, REASON
from contracts.compiler.cache import Cache
from contracts.compiler.inputs import InputSchema
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from policies.targets import Targets

_COMPILED: Final[Cache[InputSchema]] = Cache(2048)
"""The schemas of the last releases: a schema is the same while its contract and its connections are."""


class PublishedSchemas:
    """The schemas of one release, each compiled once for each tenant, since tenants have other connections."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._compiled: dict[tuple[str, str], InputSchema] = {}

    def of_contract(self, program: Program, tenant: str) -> InputSchema:
        """The schema that a tenant's agents see: inputs, `reason` of a write, `connection` where several."""
        key = (program.name, tenant)
        if key not in self._compiled:
            self._compiled[key] = self._schema(program, tenant)
        return self._compiled[key]

    def _schema(self, program: Program, tenant: str) -> InputSchema:
        names = [t.name for t in self._targets.candidates(program, tenant)]
        # a name has no NUL, so no two lists of names have the same key
        key = "\0".join((program.digest, *names))
        known = _COMPILED.get(key)
        if known is None:
            known = _published(program, names)
            _COMPILED.keep({key: known})
        return known

    def without(self, program: Program, tenant: str, late: frozenset[str]) -> InputSchema:
        """The published schema without the inputs that arrive late."""
        schema = dict(self.of_contract(program, tenant).schema)
        properties, required = schema["properties"], schema["required"]
        if isinstance(properties, dict) and isinstance(required, list):
            schema["properties"] = {n: v for n, v in properties.items() if n not in late}
            schema["required"] = [n for n in required if n not in late]
        return InputSchema.compile(schema, program.inputs.finders)

    def of_plan(self, program: PlanProgram) -> InputSchema:
        """The closed schema of a plan's tool."""
        key = (program.name, "")
        if key not in self._compiled:
            schema = dict(program.inputs.schema)
            required = schema["required"]
            reason = dict(REASON if program.needs_reason else OPTIONAL_REASON)
            properties = {**program.inputs.fields, "preview": dict(PREVIEW), "reason": reason}
            names = list(required) if isinstance(required, list) else []
            if program.needs_reason:
                names.append("reason")
            self._compiled[key] = InputSchema.compile(
                {**schema, "properties": properties, "required": names}, program.inputs.finders
            )
        return self._compiled[key]


def _published(program: Program, names: Sequence[str]) -> InputSchema:
    """The inputs of a contract with what the gateway adds, where these are its connections."""
    schema = dict(program.inputs.schema)
    properties, required = dict(program.inputs.fields), schema["required"]
    required = list(required) if isinstance(required, list) else []
    # one connection is taken by itself, so that agents are not asked what has one answer
    if len(names) > 1:
        properties["connection"] = {"type": "string", "enum": list(names), "description": "Which system to use."}
        required.append("connection")
    # a read changes nothing, so there is nothing to preview, and nobody asks why
    if program.is_write:
        properties["reason"] = dict(REASON if program.needs_reason else OPTIONAL_REASON)
        properties["preview"] = dict(PREVIEW)
    if program.needs_reason:
        required.append("reason")
    return InputSchema.compile({**schema, "properties": properties, "required": required}, program.inputs.finders)
