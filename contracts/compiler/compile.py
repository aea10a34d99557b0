"""Compile contracts: every expression checked against declared names, every template parsed, every path known.

`compile_contract` turns one `Contract` into a `Program` (`contracts/compiler/program.py`), or raises `AilyusError`
whose `field` is the key at fault. `load_catalog` calls it for each file; `compile_plan` uses `TextCompiler` for the
texts of plans. Nothing is evaluated here and nothing is read from a target: that a contract compiles says nothing about
whether its requests work.

- The schema of a contract's inputs MUST be closed: what is not declared is refused.
- A secret MUST stand only as a whole value of `execute`, and where one passes, nothing that could carry it out MUST be
  left: no picture, and no output without a declared form (invariant 9).
- A name that is not known in a phase MUST be refused in an expression or a template of that phase.
- At risk high or critical an MCP server that acts MUST NOT be the only witness of it, unless the contract says why.
- The same contract, system and flows MUST give the same digest: approvals and intents name it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import JsonValue

from contracts.canonical import canonical, digest
from contracts.compiler.check import Check
from contracts.compiler.expressions import Expression, Names
from contracts.compiler.flow_use import flows_of
from contracts.compiler.input_compiler import compile_inputs
from contracts.compiler.job_compiler import compile_job, job_reads
from contracts.compiler.phase_names import PhaseNames
from contracts.compiler.program import CedarAttribute, CreatedObjectRule, Program, UndoProgram
from contracts.compiler.read_checks import ReadChecks
from contracts.compiler.read_program import AnyRead, Read
from contracts.compiler.route_compiler import RouteCompiler, route_expressions
from contracts.compiler.route_program import HttpProgram, RouteProgram
from contracts.compiler.secret_places import check_secrets, unphased
from contracts.compiler.template import Template
from contracts.compiler.text_compiler import TextCompiler
from contracts.errors import AilyusError
from contracts.hiding import compared
from contracts.schema.contract import Contract, NewObject, Requester, System, Undo
from contracts.schema.flow import Flow
from contracts.schema.output import Output
from contracts.schema.rate_headers import RateHeaders
from contracts.schema.resource import Resource
from contracts.schema.route import Observe


def compile_contract(contract: Contract, system: System | None, flows: Mapping[str, Flow] | None = None) -> Program:
    """Compile, or raise `AilyusError` whose `field` is the path of the offending key, for example `expect.0.that`."""
    return _Compiler(contract, system, flows or {}).program()


class _Compiler(TextCompiler):
    def __init__(self, contract: Contract, system: System | None, flows: Mapping[str, Flow]) -> None:
        super().__init__(flows)
        self.contract = contract
        self.system = system
        self._content: JsonValue = contract.model_dump(mode="json", by_alias=True)
        # first, since every other name depends on what is read
        observe = {name: self._observe(name, item) for name, item in contract.observe.items()}
        self._later = job_reads(contract, observe)
        self.names = PhaseNames.of(contract, observe, self._later)
        self.observe = observe

    def program(self) -> Program:
        c, names = self.contract, self.names
        resource = self._resource()
        require = self.checks("require", c.require, names.before)
        expect = self.checks("expect", c.expect, names.after)
        compiler = RouteCompiler(self, names, c.target)
        rates = self.system.rates if self.system is not None else ()
        routes = tuple(_rated_route(compiler.compile(i, r), rates) for i, r in enumerate(c.execute))
        attributes = self._attributes(resource)
        for key in ("shows", "unchanged", "disclose", "not_secret"):
            self._check_paths(key, getattr(c, key))
        found = (self.read(n, o, c.target, names.early) for n, o in self.observe.items() if n not in self._later)
        reads = tuple(_rated_read(read, c.target, rates) for read in found)
        made = self._made(c.new_object) if c.new_object else None
        pinned, probed = self._pinned_and_probed(require, expect, routes, made)
        program = Program(
            contract=c,
            digest=self._digest(reads, routes),
            document=canonical(self._content),
            inputs=compile_inputs(c.inputs),
            reads=reads,
            resource_type=resource.type,
            resource_id=self.template("resource.id", resource.id, names.before),
            resource_label=self._text("resource.label", resource.label, names.before),
            attributes=attributes,
            asked=self._asked(c.request) if c.request else None,
            require=require,
            says=self._text("says", c.says, names.before),
            routes=routes,
            expect=expect,
            foreign=self._condition("foreign", c.foreign, names.after),
            outputs=self._outputs(names.before if c.kind == "read" else names.after),
            pinned=tuple(sorted(pinned)),
            probed=tuple(sorted(probed)),
            undo=self._undo(c.undo) if isinstance(c.undo, Undo) else None,
            made=made,
            ours=self._condition("ours", c.ours, names.after),
            widens=self._condition("widens", c.widens, names.before),
            spends=self._condition("spends", c.spends, names.early),
            not_secret=(*(unphased(p) for p in c.not_secret), *([f"{made.path}.{made.id}"] if made else [])),
            compared=compared(check.expression.text for check in expect),
            resource_shown=self._text("resource.shown", resource.shown, names.before),
            refusal=self._condition("refusal", c.refusal, names.answer),
            job=compile_job(self, c, names, ((n, o) for n, o in self.observe.items() if n in self._later)),
        )
        # last, since a secret may stand in any of the compiled parts
        check_secrets(program)
        checks = ReadChecks(c, self.observe, reads)
        checks.check_channel(expect)
        checks.check_late(resource)
        checks.check_shown(resource)
        return program

    def _attributes(self, resource: Resource) -> tuple[CedarAttribute, ...]:
        return tuple(
            CedarAttribute(
                name,
                a.type,
                self.template(f"resource.attributes.{name}", a.value, self.names.before),
                a.default,
                a.authority == "target_user",
            )
            for name, a in resource.attributes.items()
        )

    def _pinned_and_probed(
        self,
        require: Iterable[Check],
        expect: Iterable[Check],
        routes: Iterable[RouteProgram],
        made: CreatedObjectRule | None,
    ) -> tuple[set[str], set[str]]:
        """The paths of the state before that an approval pins, and those that show whether a send had an effect."""
        c = self.contract
        used = {p for check in require for p in check.expression.paths()}
        used |= {p for route in routes for e in route_expressions(route) for p in e.paths()}
        # INVARIANT 2: an approval is about the state that the action depends on and that people saw
        pinned = {p for p in used | set(c.shows) if p.startswith("before.")}
        proof = {p for check in expect for p in check.expression.paths()}
        # what is read of a job was not there before
        proof = {p for p in proof if p.split(".")[1] not in self._later}
        probed = pinned | {"before." + p.split(".", 1)[1] for p in proof} | {f"before.{p}" for p in c.unchanged}
        return pinned, probed | ({f"before.{made.path}"} if made else set())

    def _digest(self, reads: Iterable[AnyRead], routes: Iterable[RouteProgram]) -> str:
        content: dict[str, JsonValue] = {
            "contract": self._content,
            "system": self.system.model_dump(mode="json", by_alias=True) if self.system else None,
        }
        # left out where there are none, so that contracts from before there were flows keep their digest
        if flows := {f.flow.flow: f.digest for f in flows_of(reads, routes)}:
            content["flows"] = dict(flows)
        return digest(content)

    def _outputs(self, names: Names) -> tuple[tuple[str, Template], ...]:
        return tuple(
            (name, self.template(f"outputs.{name}", o.value if isinstance(o, Output) else o, names))
            for name, o in self.contract.outputs.items()
        )

    def _text(self, where: str, source: str | None, names: Names) -> Template | None:
        return self.template(where, source, names) if source else None

    def _condition(self, where: str, text: str | None, names: Names) -> Expression | None:
        return self.expression(where, text, names) if text else None

    def _undo(self, undo: Undo) -> UndoProgram:
        body = self.body("undo.inputs", dict(undo.inputs), self.names.undoing)
        # outputs are known only after the send, so people cannot approve their values
        late = {n for n, v in undo.inputs.items() if isinstance(v, str) and re.search(r"\boutputs\.", v)}
        return UndoProgram(undo.contract, body, frozenset(late))

    def _made(self, made: NewObject) -> CreatedObjectRule:
        names = self.names.made
        self._check_paths("new_object.in", [made.in_])
        outputs = tuple((n, self.template(f"new_object.outputs.{n}", t, names)) for n, t in made.outputs.items())
        return CreatedObjectRule(made.in_, made.id, self.expression("new_object.ours", made.ours, names), outputs)

    def _observe(self, name: str, item: Observe | str) -> Observe:
        # the word `system`: the read is declared once for all contracts of the system
        if isinstance(item, Observe):
            return item
        if self.system is None or name not in self.system.observe:
            raise AilyusError("bad_contract", f"`_system.yaml` observes no `{name}`", field=f"observe.{name}")
        return self.system.observe[name]

    def _resource(self) -> Resource:
        resource = self.contract.resource
        if isinstance(resource, Resource):
            return resource
        if self.system is None or self.system.resource is None:
            raise AilyusError("bad_contract", "`_system.yaml` declares no `resource`", field="resource")
        return self.system.resource

    def _asked(self, asked: Requester) -> tuple[Expression, Expression]:
        return (
            self.expression("request.verified", asked.verified, self.names.before),
            self.expression("request.requester_is_subject", asked.requester_is_subject, self.names.before),
        )

    def _check_paths(self, key: str, paths: Iterable[str]) -> None:
        for index, path in enumerate(paths):
            name = path.removeprefix("before.").removeprefix("after.").split(".")[0]
            if name not in self.observe or name in self._later:
                raise AilyusError("bad_contract", f"`{path}` is observed nowhere", field=f"{key}.{index}")


def _rated_read(read: AnyRead, target: str, rates: tuple[RateHeaders, ...]) -> AnyRead:
    # another system beside it has other limits
    return replace(read, rates=rates) if isinstance(read, Read) and read.target == target else read


def _rated_route(route: RouteProgram, rates: tuple[RateHeaders, ...]) -> RouteProgram:
    return replace(route, rates=rates) if isinstance(route, HttpProgram) else route
