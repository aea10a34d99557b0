"""The compiler of plans: every step is bound to its contract, and every late input to the output that fills it."""

import re
from collections.abc import Mapping

from pydantic import JsonValue

from contracts.canonical import canonical, digest
from contracts.compiler.body import Body
from contracts.compiler.expressions import CelType, Names
from contracts.compiler.input_compiler import compile_inputs, input_names
from contracts.compiler.plan_program import Block, PlanProgram, StepProgram
from contracts.compiler.program import Program
from contracts.compiler.read_program import FlowRead
from contracts.compiler.text_compiler import TextCompiler
from contracts.errors import AilyusError
from contracts.hiding import compared, require_known
from contracts.schema.contract import RISKS
from contracts.schema.flow import Flow
from contracts.schema.output import Output
from contracts.schema.plan import Plan, Step

MAX_PLAN = 256 * 1024
"""Bytes that a plan handed in by an agent may take as JSON."""
# the whole value and nothing around it: a part of a text could change what the text means
_LATE = re.compile(r"\$\{steps\.([a-z][a-z0-9_]{0,63})\.outputs\.([a-z][a-z0-9_]{0,63})\}")
_ITEM = re.compile(r"\$\{item(\.[A-Za-z_][A-Za-z0-9_]{0,63})?\}")


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
        # a plan is as dangerous as its most dangerous step, and is asked for as such
        risk = max((self.programs[name].contract.risk for name in contracts), key=RISKS.index)
        # a plan's own reads go, unless they say otherwise, where its first step acts
        target = self.programs[blocks[0].steps[0].contract].contract.target
        content: dict[str, JsonValue] = {"plan": plan.model_dump(mode="json", by_alias=True)}
        document = canonical(content["plan"])
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
            document=document,
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
            # INVARIANT 9: an agent's text is data; CEL of an agent could read what it may not
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
        # a read in a plan would decide nothing: a plan reads by `observe`
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
        # an optional step may end without an outcome, and the later one would then wait for nothing
        if any(step.optional and step.id == source for whole in self.plan.steps for step in (whole, *whole.steps)):
            hint = f"take `optional` from `{source}`, or make the step that needs it part of the same list"
            raise AilyusError(
                "bad_plan", f"the step `{source}` is optional and may give nothing", hint=hint, field=where
            )
        declared = maker.contract.outputs[output]
        # INVARIANT 9: a secret goes to a secret input, and to no other
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
