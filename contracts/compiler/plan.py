"""Plans: several actions with one outcome. The YAML model, its compiled form, and the units that it unfolds into."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import orjson
from pydantic import BeforeValidator, Field, JsonValue, model_validator

from contracts.canonical import digest
from contracts.compiler.expressions import CelType, Expression, Fault, Names, Scope
from contracts.compiler.input_compiler import compile_inputs, input_names
from contracts.compiler.inputs import InputSchema
from contracts.compiler.program import AnyRead, Body, Check, FlowRead, Program
from contracts.compiler.text_compiler import TextCompiler
from contracts.errors import AilyusError
from contracts.hiding import compared, require_known
from contracts.schema.contract import RISKS, Condition, Input, Output, Risk
from contracts.schema.fields import Cel, Duration, Name, Sentence, Strict
from contracts.schema.flow import Flow
from contracts.schema.route import Observe

MAX_STEPS = 50
MAX_ITEMS = 1000
MAX_UNITS = 2000
MAX_NAMED = 80
MAX_PLAN = 256 * 1024
"""Bytes that a plan handed in by an agent may take as JSON."""
_LATE = re.compile(r"\$\{steps\.([a-z][a-z0-9_]{0,63})\.outputs\.([a-z][a-z0-9_]{0,63})\}")
_ITEM = re.compile(r"\$\{item(\.[A-Za-z_][A-Za-z0-9_]{0,63})?\}")
_WHILE = re.compile(r"([a-z][a-z0-9_]{0,63}) while ([a-z][a-z0-9_]{0,63})")
Keep = Annotated[str, Field(pattern=f"^{_WHILE.pattern}$")]
Wave = Annotated[int, Field(ge=1, le=MAX_ITEMS)] | Literal["rest"]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Step(Strict):
    """One step: a contract with its inputs, or a list of items with the steps that each of them goes through.

    An input may be `${inputs.x}`, `${item}` or `${item.field}` in CEL, or exactly `${steps.ID.outputs.NAME}`: the
    output of an earlier step, which only a secret input or one declared `late` takes.
    """

    later = frozenset({"skip_unmet", "optional"})

    id: Name
    contract: Name | None = None
    connection: str | None = None
    inputs: dict[Name, JsonValue] = Field(default_factory=dict)
    for_each: str | tuple[JsonValue, ...] | None = None
    waves: tuple[Wave, ...] = Field((), max_length=10, description="how many items at a time; `rest` at the end")
    skip_missing: bool = Field(False, description="leave out items that do not exist or are not permitted, and say so")
    skip_unmet: bool = Field(False, description="leave out items whose `require` does not hold, and say so")
    optional: bool = Field(False, description="when nothing changed by it (`not_applied`), the plan goes on without it")
    steps: "tuple[Step, ...]" = ()

    @model_validator(mode="after")
    def _shape(self) -> "Step":
        if (self.contract is None) is not bool(self.steps):
            raise ValueError("a step has a `contract`, or `for_each` with `steps`")
        if self.steps and self.for_each is None:
            raise ValueError("inner `steps` need `for_each`")
        if (self.waves or self.skip_missing or self.skip_unmet) and self.for_each is None:
            raise ValueError("`waves`, `skip_missing` and `skip_unmet` need `for_each`")
        if self.optional and self.steps:
            raise ValueError("`optional` stands at a step with a `contract`")
        if "rest" in self.waves[:-1]:
            raise ValueError("`rest` is the last wave")
        if any(inner.steps or inner.for_each is not None for inner in self.steps):
            raise ValueError("a list stands in no other list")
        return self


class Plan(Strict):
    """One plan, as written. `contracts/README.md` explains every key."""

    later = frozenset({"not_secret", "keep"})

    plan: Name
    version: int = Field(1, ge=1, le=1_000_000)
    title: str = Field(min_length=1, max_length=80)
    summary: Sentence
    use_when: Sentence
    not_for: Sentence | None = None
    inputs: dict[Name, Input] = Field(default_factory=dict)
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    observe: dict[Name, Observe] = Field(default_factory=dict)
    expect: tuple[Condition, ...] = ()
    worse: Cel | None = Field(None, description="true when the health is worse than before: no further wave begins")
    on_failure: Literal["undo", "undo_wave", "continue", "stop", "escalate"] = "undo"
    keep: Annotated[tuple[Keep, ...], BeforeValidator(_listed, json_schema_input_type=Keep | tuple[Keep, ...])] = Field(
        (), description="`A while B`: the step A is not taken back while B is done and stays"
    )
    escalate: str | None = None
    not_secret: tuple[str, ...] = Field(
        (), description="where a secret passes: observed fields that can hold none, whose values may be kept in clear"
    )
    not_after: Duration = Field(3_600_000, ge=1000, le=86_400_000)
    approval_valid: Duration = Field(3_600_000, ge=1000, le=86_400_000)
    refused_hold: Duration = Field(3_600_000, ge=0, le=86_400_000)
    repeat_window: Duration = Field(600_000, ge=0, le=86_400_000)

    @model_validator(mode="after")
    def _ids(self) -> "Plan":
        ids = [s.id for step in self.steps for s in (step, *step.steps)]
        twice = next((i for i in ids if ids.count(i) > 1), None)
        if twice:
            raise ValueError(f"the step id `{twice}` is used twice")
        if len(ids) > MAX_STEPS:
            raise ValueError(f"a plan has at most {MAX_STEPS} steps")
        if (self.expect or self.worse) and not self.observe:
            raise ValueError("`expect` and `worse` need `observe`")
        for kept, holder in self.keeps:
            if kept not in ids or holder not in ids or ids.index(kept) >= ids.index(holder):
                raise ValueError(f"`keep: {kept} while {holder}` needs two steps of the plan, the kept one first")
        return self

    @property
    def keeps(self) -> tuple[tuple[str, str], ...]:
        """What `keep` says: a step, and the later step while which stays it is not taken back."""
        return tuple((m[1], m[2]) for text in self.keep if (m := _WHILE.fullmatch(text)))


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
    """A compiled plan. Immutable."""

    plan: Plan
    digest: str
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


def compile_plan(
    plan: Plan, programs: Mapping[str, Program], flows: Mapping[str, Flow] | None = None, *, of_agent: bool = False
) -> PlanProgram:
    """Compile, or raise `AilyusError` whose `field` is the path of the offending key, for example `steps.1.inputs`.

    `of_agent`: handed in by an agent, whose texts are no expressions: only `${item}` and `${steps.…}` are understood.
    """
    return _Compiler(plan, programs, flows or {}, of_agent).program()


class _Compiler(TextCompiler):
    def __init__(self, plan: Plan, programs: Mapping[str, Program], flows: Mapping[str, Flow], of_agent: bool) -> None:
        super().__init__(flows)
        self.plan = plan
        self.programs = programs
        self.of_agent = of_agent
        inputs = input_names(plan.inputs)
        connection: dict[str, CelType] = {"connection.tenant": "string", "connection.environment": "string"}
        before: dict[str, CelType] = {f"before.{name}": "dyn" for name in plan.observe}
        after: dict[str, CelType] = {f"after.{name}": "dyn" for name in plan.observe}
        self.early = Names.of({**inputs, **connection})
        self.item = Names.of({**inputs, **connection, "item": "dyn"})
        self.after = Names.of({**inputs, **connection, **before, **after})

    def program(self) -> PlanProgram:
        plan = self.plan
        done: dict[str, str] = {}
        blocks = []
        for index, step in enumerate(plan.steps):
            blocks.append(self._block(f"steps.{index}", step, done))
            for inner in step.steps or (step,):
                done[inner.id] = inner.contract or ""
        contracts = {s.contract for block in blocks for s in block.steps}
        risk = max((self.programs[name].contract.risk for name in contracts), key=RISKS.index)
        target = self.programs[blocks[0].steps[0].contract].contract.target
        content: dict[str, JsonValue] = {"plan": plan.model_dump(mode="json", by_alias=True)}
        reads = tuple(self.read(name, o, target, self.early) for name, o in plan.observe.items())
        if flows := {read.flow.flow.flow: read.flow.digest for read in reads if isinstance(read, FlowRead)}:
            content["flows"] = dict(flows)
        secretive = any(self.programs[name].secretive for name in contracts)
        if secretive:
            texts = [(f"expect.{i}.that", c.that) for i, c in enumerate(plan.expect)]
            require_known([*texts, *([("worse", plan.worse)] if plan.worse else [])], plan.not_secret)
        return PlanProgram(
            plan=plan,
            digest=digest(content),
            inputs=compile_inputs(plan.inputs),
            blocks=tuple(blocks),
            reads=reads,
            expect=self.checks("expect", plan.expect, self.after),
            worse=self.expression("worse", plan.worse, self.after) if plan.worse else None,
            risk=risk,
            secretive=secretive,
            compared=compared([*(c.that for c in plan.expect), plan.worse or ""]),
        )

    def _block(self, where: str, step: Step, done: Mapping[str, str]) -> Block:
        items = None
        if step.for_each is not None:
            source: JsonValue = step.for_each if isinstance(step.for_each, str) else list(step.for_each)
            if self.of_agent and isinstance(source, str):
                raise AilyusError("bad_plan", "`for_each` is a list here", field=f"{where}.for_each")
            items = Body(source, {}) if self.of_agent else self.body(f"{where}.for_each", source, self.early)
        seen = dict(done)
        steps = []
        for index, inner in enumerate(step.steps or (step,)):
            steps.append(self._step(f"{where}.steps.{index}" if step.steps else where, inner, items is not None, seen))
            seen[inner.id] = inner.contract or ""
        waves = tuple(w for w in step.waves if isinstance(w, int))
        return Block(step.id, items, waves, "rest" in step.waves, step.skip_missing, tuple(steps), step.skip_unmet)

    def _step(self, where: str, step: Step, listed: bool, done: Mapping[str, str]) -> StepProgram:
        program = self.programs.get(step.contract or "")
        if program is None or not program.is_write:
            raise AilyusError("bad_plan", f"`{step.contract}` is no action of this catalog", field=f"{where}.contract")
        late: dict[str, tuple[str, str]] = {}
        known: dict[str, JsonValue] = {}
        for name, value in step.inputs.items():
            match = _LATE.fullmatch(value) if isinstance(value, str) else None
            if match:
                self._check_late(f"{where}.inputs.{name}", program, name, match[1], match[2], done)
                late[name] = (match[1], match[2])
            else:
                known[name] = value
        arguments = (
            self._agent_body(f"{where}.inputs", known, listed)
            if self.of_agent
            else self.body(f"{where}.inputs", known, self.item if listed else self.early)
        )
        return StepProgram(step.id, program.name, step.connection, arguments, late, step.optional)

    def _check_late(
        self, where: str, program: Program, name: str, source: str, output: str, done: Mapping[str, str]
    ) -> None:
        field = program.contract.inputs.get(name)
        maker = self.programs.get(done.get(source, ""))
        if maker is None or output not in maker.contract.outputs:
            raise AilyusError("bad_plan", f"no earlier step `{source}` has an output `{output}`", field=where)
        if any(step.optional and step.id == source for whole in self.plan.steps for step in (whole, *whole.steps)):
            hint = f"take `optional` from `{source}`, or make the step that needs it part of the same list"
            raise AilyusError(
                "bad_plan", f"the step `{source}` is optional and may give nothing", hint=hint, field=where
            )
        declared = maker.contract.outputs[output]
        secret = isinstance(declared, Output) and declared.secret is not None
        if field is None or (field.type == "secret") is not secret or (field.late is None and not secret):
            hint = "an output goes only to an input declared `late`, a secret only to an input of type `secret`"
            raise AilyusError("bad_plan", f"`{name}` of `{program.name}` takes no such output", hint=hint, field=where)
        if secret and f"{program.name}.{name}" not in maker.secret_outputs[output]:
            sentence = f"the secret `{output}` may not go to `{program.name}.{name}`"
            raise AilyusError("bad_plan", sentence, field=where)

    def _agent_body(self, where: str, tree: Mapping[str, JsonValue], listed: bool) -> Body:
        """An agent's words are data; only a whole `${item}` or `${item.field}` is understood."""
        templates = {}
        literal: dict[str, JsonValue] = {}
        for name, value in tree.items():
            if isinstance(value, str) and listed and _ITEM.fullmatch(value):
                templates[value] = self.template(f"{where}.{name}", value, self.item)
                literal[name] = value
            elif isinstance(value, str) and "${" in value:
                hint = "`${item}` or `${item.field}` in a list, or `${steps.ID.outputs.NAME}`, alone"
                raise AilyusError("bad_plan", f"`{name}` holds a `${{` that means nothing", hint=hint, field=where)
            else:
                literal[name] = value
        return Body(literal, templates)
