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

from pydantic import JsonValue

from contracts.canonical import digest
from contracts.compiler.expressions import CelType, Expression, Names
from contracts.compiler.flow_program import FlowProgram
from contracts.compiler.input_compiler import compile_inputs, input_names
from contracts.compiler.program import (
    AnyRead,
    BrowserProgram,
    CedarAttribute,
    FlowRead,
    HttpProgram,
    Made,
    McpProgram,
    McpRead,
    Program,
    PythonProgram,
    RouteProgram,
    UndoProgram,
)
from contracts.compiler.secret_places import check_secrets, unphased
from contracts.compiler.text_compiler import TextCompiler, flat_pairs
from contracts.errors import AilyusError
from contracts.hiding import compared
from contracts.schema.contract import Contract, NewObject, Output, Requester, Resource, System, Undo
from contracts.schema.flow import Flow
from contracts.schema.route import Observe, Route


def compile_contract(contract: Contract, system: System | None, flows: Mapping[str, Flow] | None = None) -> Program:
    """Compile, or raise `AilyusError` whose `field` is the path of the offending key, for example `expect.0.that`."""
    return _Compiler(contract, system, flows or {}).program()


class _Compiler(TextCompiler):
    def __init__(self, contract: Contract, system: System | None, flows: Mapping[str, Flow]) -> None:
        super().__init__(flows)
        self.contract = contract
        self.system = system
        observe = {name: self._observe(name, item) for name, item in contract.observe.items()}
        inputs = input_names(contract.inputs)
        outputs: dict[str, CelType] = {f"outputs.{name}": "dyn" for name in contract.outputs}
        window: dict[str, CelType] = {
            "it": "dyn",
            "window.start": "string",
            "window.end": "string",
            "connection.exclusive": "bool",
        }
        connection: dict[str, CelType] = {"connection.tenant": "string", "connection.environment": "string"}
        before: dict[str, CelType] = {f"before.{name}": "dyn" for name in observe}
        after: dict[str, CelType] = {f"after.{name}": "dyn" for name in observe}
        response: dict[str, CelType] = {"response.status": "int", "response.headers": "dyn", "response.body": "dyn"}
        self.observe = observe
        self.early = Names.of({**inputs, **connection})
        self.before = Names.of({**inputs, **connection, **before})
        self.answer = Names.of({**inputs, **connection, **before, **response})
        self.after = Names.of({**inputs, **connection, **before, **after, **response})
        self.undoing = Names.of({**inputs, **connection, **before, **outputs})
        self.object = Names.of({**inputs, **connection, **window})

    def program(self) -> Program:
        c = self.contract
        resource = self._resource()
        require = self.checks("require", c.require, self.before)
        expect = self.checks("expect", c.expect, self.after)
        routes = tuple(self._route(i, r) for i, r in enumerate(c.execute))
        attributes = tuple(
            CedarAttribute(
                name,
                a.type,
                self.template(f"resource.attributes.{name}", a.value, self.before),
                a.default,
                a.authority == "target_user",
            )
            for name, a in resource.attributes.items()
        )
        for key, paths in (
            ("shows", c.shows),
            ("unchanged", c.unchanged),
            ("disclose", c.disclose),
            ("not_secret", c.not_secret),
        ):
            self._check_paths(key, paths)
        used = {p for check in require for p in check.expression.paths()}
        used |= {p for route in routes for e in _route_expressions(route) for p in e.paths()}
        pinned = {p for p in used | set(c.shows) if p.startswith("before.")}
        proof = {p for check in expect for p in check.expression.paths()}
        probed = pinned | {"before." + p.split(".", 1)[1] for p in proof} | {f"before.{p}" for p in c.unchanged}
        content: dict[str, JsonValue] = {
            "contract": c.model_dump(mode="json", by_alias=True),
            "system": self.system.model_dump(mode="json", by_alias=True) if self.system else None,
        }
        reads = tuple(self.read(name, o, c.target, self.early) for name, o in self.observe.items())
        if flows := {f.flow.flow: f.digest for f in flows_of(reads, routes)}:
            content["flows"] = dict(flows)
        made = self._made(c.new_object) if c.new_object else None
        if made:
            probed |= {f"before.{made.path}"}
        program = Program(
            contract=c,
            digest=digest(content),
            inputs=compile_inputs(c.inputs),
            reads=reads,
            resource_type=resource.type,
            resource_id=self.template("resource.id", resource.id, self.before),
            resource_label=self.template("resource.label", resource.label, self.before) if resource.label else None,
            attributes=attributes,
            asked=self._asked(c.request) if c.request else None,
            require=require,
            says=self.template("says", c.says, self.before) if c.says else None,
            routes=routes,
            expect=expect,
            foreign=self.expression("foreign", c.foreign, self.after) if c.foreign else None,
            outputs=tuple(
                (n, self.template(f"outputs.{n}", _source(t), self.before if c.kind == "read" else self.after))
                for n, t in c.outputs.items()
            ),
            pinned=tuple(sorted(pinned)),
            probed=tuple(sorted(probed)),
            undo=self._undo(c.undo) if isinstance(c.undo, Undo) else None,
            made=made,
            ours=self.expression("ours", c.ours, self.after) if c.ours else None,
            widens=self.expression("widens", c.widens, self.before) if c.widens else None,
            spends=self.expression("spends", c.spends, self.early) if c.spends else None,
            not_secret=(*(unphased(p) for p in c.not_secret), *([f"{made.path}.{made.id}"] if made else [])),
            compared=compared(check.expression.text for check in expect),
            resource_shown=self.template("resource.shown", resource.shown, self.before) if resource.shown else None,
            refusal=self.expression("refusal", c.refusal, self.answer) if c.refusal else None,
        )
        check_secrets(program)
        self._check_channel(program)
        self._check_late(resource, reads)
        self._check_shown(resource, reads)
        return program

    def _undo(self, undo: Undo) -> UndoProgram:
        body = self.body("undo.inputs", dict(undo.inputs), self.undoing)
        late = {n for n, v in undo.inputs.items() if isinstance(v, str) and re.search(r"\boutputs\.", v)}
        return UndoProgram(undo.contract, body, frozenset(late))

    def _made(self, made: NewObject) -> Made:
        self._check_paths("new_object.in", [made.in_])
        outputs = tuple((n, self.template(f"new_object.outputs.{n}", t, self.object)) for n, t in made.outputs.items())
        return Made(made.in_, made.id, self.expression("new_object.ours", made.ours, self.object), outputs)

    def _check_channel(self, program: Program) -> None:
        """What matters much is not proved by the server's own word alone."""
        c = self.contract
        if c.risk not in ("high", "critical") or c.same_channel or not any(r.way == "mcp" for r in c.execute):
            return
        proof = {path.split(".")[1] for check in program.expect for path in check.expression.paths()}
        # guard: the server's own word
        if all(isinstance(r, McpRead) and r.target == c.target for r in program.reads if r.name in proof):
            hint = "observe it by `get` from the application itself, or say in `same_channel` why this is enough"
            sentence = f"at risk {c.risk} it is read back through the server that acted"
            raise AilyusError("bad_contract", sentence, hint=hint, field="expect")

    def _check_shown(self, resource: Resource, reads: Iterable[AnyRead]) -> None:
        """The resource is the one that the reads show: they ask for it by its id, or the record gives the same id."""
        if self.contract.kind == "read" or resource.shown is not None:
            return
        asked = self._addresses(reads)
        for name in re.findall(r"\binputs\.(\w+)", resource.id):
            if not any(re.search(rf"\binputs\.{name}\b", text) for text in asked):
                hint = "read the record by it, or give the record's own id as `shown`, for example ${before.user.id}"
                raise AilyusError(
                    "bad_contract", f"no read shows that `{name}` is the resource", hint=hint, field="resource.id"
                )

    def _check_late(self, resource: Resource, reads: Iterable[AnyRead]) -> None:
        """What arrives late may not choose the resource or what is read."""
        texts = [resource.id, resource.label or "", *(a.value for a in resource.attributes.values())]
        texts += self._addresses(reads)
        for name, field in self.contract.inputs.items():
            if (field.late or field.type == "secret") and any(re.search(rf"\binputs\.{name}\b", t) for t in texts):
                raise AilyusError(
                    "bad_contract", "a late or secret input chooses the resource or a read", field=f"inputs.{name}"
                )
            if field.type == "secret" and (field.index or field.default is not None or field.enum):
                raise AilyusError("bad_contract", "a secret has no index, default or enum", field=f"inputs.{name}")

    def _addresses(self, reads: Iterable[AnyRead]) -> list[str]:
        """Every text that says what is read."""
        texts = [text for flow in flows_of(reads, ()) for text in flow.templates]
        for observe in self.observe.values():
            texts += [observe.get or observe.post or "", *(text for _, text in flat_pairs(observe.query))]
            texts += [text for _, text in flat_pairs(observe.form or {})]
            texts += [
                str(observe.json_body),
                *observe.headers.values(),
                str(observe.mcp.arguments if observe.mcp else ""),
                str(observe.python.arguments if observe.python else ""),
            ]
        return texts

    def _observe(self, name: str, item: Observe | str) -> Observe:
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

    def _route(self, index: int, route: Route) -> RouteProgram:
        where = f"execute.{index}"
        if route.browser is not None:
            flow = self.flow(f"{where}.browser", route.browser.flow, "write", self.contract.target, self.before)
            return BrowserProgram(index, flow, route.browser.timeout)
        tests = (
            self.expression(f"{where}.ok", route.ok or "!response.body.is_error", self.answer),
            self.expression(f"{where}.declined", route.declined, self.answer) if route.declined else None,
            self.expression(f"{where}.no_effect", route.no_effect, self.answer) if route.no_effect else None,
        )
        if route.mcp is not None:
            call = route.mcp
            arguments = self.arguments(f"{where}.mcp.arguments", call, self.before)
            return McpProgram(index, call.tool, call.definition, arguments, call.timeout, *tests)
        if route.python is not None:
            arguments = self.arguments(f"{where}.python.arguments", route.python, self.before)
            return PythonProgram(index, route.python.operation, arguments, route.python.timeout, *tests)
        if route.http is None:
            raise AilyusError("bad_contract", "a route needs `http`, `browser`, `mcp` or `python`", field=where)
        http = route.http
        headers = http.headers
        self.check_headers(where, headers)
        return HttpProgram(
            index=index,
            method=http.method,
            path=self.path(f"{where}.http", http.path, self.before),
            query=self.pairs(f"{where}.http.query", http.query, self.before),
            headers=self.pairs(f"{where}.http.headers", headers, self.before),
            body=self.body(f"{where}.http.json", http.json_body, self.before) if http.json_body is not None else None,
            form=self.pairs(f"{where}.http.form", http.form, self.before) if http.form is not None else None,
            timeout_ms=http.timeout,
            idempotency_header=http.idempotency_key,
            if_match=self.template(f"{where}.http.if_match", http.if_match, self.before) if http.if_match else None,
            ok=tests[0],
            declined=tests[1],
            no_effect=tests[2],
            decode=route.decode,
            lists=route.lists,
        )

    def _asked(self, asked: Requester) -> tuple[Expression, Expression]:
        return (
            self.expression("request.verified", asked.verified, self.before),
            self.expression("request.requester_is_subject", asked.requester_is_subject, self.before),
        )

    def _check_paths(self, key: str, paths: Iterable[str]) -> None:
        for index, path in enumerate(paths):
            name = path.removeprefix("before.").removeprefix("after.").split(".")[0]
            if name not in self.observe:
                raise AilyusError("bad_contract", f"`{path}` is observed nowhere", field=f"{key}.{index}")


def _source(output: str | Output) -> str:
    return output.value if isinstance(output, Output) else output


def flows_of(reads: Iterable[AnyRead], routes: Iterable[RouteProgram]) -> Iterable[FlowProgram]:
    """Every flow that a contract uses."""
    yield from (read.flow for read in reads if isinstance(read, FlowRead))
    yield from (route.flow for route in routes if isinstance(route, BrowserProgram))


def _route_expressions(route: RouteProgram) -> Iterable[Expression]:
    if isinstance(route, BrowserProgram):
        yield from route.flow.expressions
        return
    if isinstance(route, McpProgram | PythonProgram):
        for template in route.arguments.templates.values():
            yield from template.expressions
        return
    templates = [route.path, *(t for _, t in (*route.query, *route.headers, *(route.form or ())))]
    templates += [route.if_match] if route.if_match else []
    templates += route.body.templates.values() if route.body else []
    for template in templates:
        yield from template.expressions
