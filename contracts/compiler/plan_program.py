"""The compiled plan: its blocks and steps, and the units that it unfolds into, one for each action."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from contracts.compiler.body import Body
from contracts.compiler.check import Check
from contracts.compiler.expressions import Expression, Fault, Scope
from contracts.compiler.inputs import InputSchema
from contracts.compiler.read_program import AnyRead
from contracts.errors import AilyusError
from contracts.schema.contract import Risk
from contracts.schema.plan import MAX_ITEMS, Plan

# each unit has an intent, a receipt and a decision of its own
MAX_UNITS = 2000
MAX_NAMED = 80


@dataclass(frozen=True, slots=True)
class StepProgram:
    """One compiled step with a contract."""

    id: str
    contract: str
    connection: str | None
    arguments: Body
    late: Mapping[str, tuple[str, str]]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Steps that run once, or once for each item in waves."""

    id: str
    items: Body | None
    waves: tuple[int, ...]
    rest: bool
    skip_missing: bool
    steps: tuple[StepProgram, ...]
    skip_unmet: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """One action of a plan to be: `key` names it, `late` are inputs that earlier units fill (input → key, output).

    `item` is the item of its list, as people and agents are told it.
    """

    key: str
    step: str
    block: str
    wave: int
    contract: str
    connection: str | None
    arguments: Mapping[str, JsonValue]
    late: Mapping[str, tuple[str, str]]
    skip_missing: bool
    skip_unmet: bool = False
    optional: bool = False
    item: str = ""

    @property
    def group(self) -> str:
        """What goes its way together, whatever becomes of the others: all steps of one item, or a step alone."""
        _, bracket, number = self.key.rpartition("[")
        return f"{self.block}[{number}" if bracket else self.key


@dataclass(frozen=True, slots=True)
class PlanProgram:
    """A compiled plan. Immutable. `document` is the plan as canonical JSON, which the evidence of a release keeps."""

    plan: Plan
    digest: str
    document: bytes
    inputs: InputSchema
    blocks: tuple[Block, ...]
    reads: tuple[AnyRead, ...]
    expect: tuple[Check, ...]
    worse: Expression | None
    risk: Risk
    secretive: bool = False
    compared: frozenset[str] = frozenset()

    def holds(self, unit: Unit) -> Mapping[str, str]:
        """The keys of the units that are not taken back while `unit` stays, each with why."""
        # the kept step of the same item, not of every item
        item = unit.key.removeprefix(unit.step)
        inner = {s.id for block in self.blocks if block.id == unit.block and block.items for s in block.steps}
        said = [f"{kept}{item if kept in inner else ''}" for kept, holder in self.plan.keeps if holder == unit.step]
        held = dict.fromkeys(said, f"the plan keeps it while {unit.key} is done")  # guard: what a plan keeps
        return held | {source: f"{unit.key} took what it made and keeps it" for source, _ in unit.late.values()}

    @property
    def name(self) -> str:
        """The plan's name, which is the tool's name."""
        return self.plan.plan

    @property
    def needs_reason(self) -> bool:
        """As for a write: from risk medium on."""
        return self.risk != "low"

    def scope(self, params: Mapping[str, JsonValue], tenant: str, environment: str) -> dict[str, object]:
        """The names that are known before anything was read."""
        scope: dict[str, object] = {f"inputs.{name}": value for name, value in params.items()}
        scope["connection.tenant"] = tenant
        scope["connection.environment"] = environment
        return scope

    def unfold(self, params: Mapping[str, JsonValue], tenant: str) -> tuple[Unit, ...]:
        """Every unit in the order in which it runs; raises `bad_plan` naming the step."""
        units: list[Unit] = []
        wave, items = 0, 0
        scope = self.scope(params, tenant, "")
        plain = False
        for block in self.blocks:
            if block.items is None:
                wave, plain = wave + (not plain), True  # steps one after another are one wave
                units += _units(block, block.steps, scope, wave, None, "")
                continue
            found = block.items.filled(scope, frozenset())
            if not isinstance(found, list):
                raise AilyusError("bad_plan", f"`for_each` of the step `{block.id}` is no list", field=f"/{block.id}")
            items, plain = items + len(found), False
            for at, size in _waves(block, len(found)):
                wave += 1
                for number, item in enumerate(found[at : at + size], at):
                    units += _units(block, block.steps, {**scope, "item": item}, wave, item, f"[{number}]")
        # counted after unfolding: a template may give any number of items
        if items > MAX_ITEMS or len(units) > MAX_UNITS:
            raise AilyusError("bad_plan", f"a plan has at most {MAX_ITEMS} items and {MAX_UNITS} actions")
        if not units:
            raise AilyusError("bad_plan", "the plan has nothing to do: its lists are empty")
        return tuple(units)


def _waves(block: Block, total: int) -> Iterator[tuple[int, int]]:
    at = 0
    for size in block.waves:
        if at < total:
            yield at, min(size, total - at)
        at += size
    if at < total:
        if block.waves and not block.rest:
            hint = "end `waves` with `rest`"
            raise AilyusError("bad_plan", f"the waves of `{block.id}` do not cover its {total} items", hint=hint)
        yield at, total - at


def _units(
    block: Block, steps: tuple[StepProgram, ...], scope: Scope, wave: int, item: JsonValue, suffix: str
) -> Iterator[Unit]:
    inner = {step.id for step in steps}
    for step in steps:
        filled = step.arguments.filled(scope, frozenset())
        if isinstance(filled, Fault) or not isinstance(filled, dict):
            why = filled.sentence if isinstance(filled, Fault) else "no object"
            raise AilyusError(
                "bad_plan", f"the inputs of `{step.id}{suffix}` have no value: {why}", field=f"/{step.id}"
            )
        # an output of the same item, or of a step before the list
        late = {n: (f"{source}{suffix if source in inner else ''}", out) for n, (source, out) in step.late.items()}
        yield Unit(
            f"{step.id}{suffix}",
            step.id,
            block.id,
            wave,
            step.contract,
            step.connection,
            filled,
            late,
            block.skip_missing,
            block.skip_unmet,
            step.optional,
            _named(item) if suffix else "",
        )


def _named(item: JsonValue) -> str:
    """An item as it is told: a text as it is, anything else as JSON, cut at 80 characters."""
    text = item if isinstance(item, str) else orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode()
    return text if len(text) <= MAX_NAMED else f"{text[: MAX_NAMED - 1]}…"
