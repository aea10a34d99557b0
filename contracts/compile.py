"""Compile contracts: every expression checked against declared names, every template parsed, every path known."""

import re
from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

from contracts.canonical import digest
from contracts.contract import (
    Condition,
    Contract,
    Input,
    McpCall,
    NewObject,
    Observe,
    Output,
    PythonCall,
    Requester,
    Resource,
    Route,
    System,
    Undo,
)
from contracts.errors import AilyusError
from contracts.expressions import CelType, Expression, Fault, Names, Template
from contracts.flow import Flow, Locator
from contracts.flow_program import FlowProgram
from contracts.hiding import compared, placed, refuse_placed, require_known
from contracts.inputs import DEFAULT_MAX_LENGTH, InputSchema
from contracts.program import (
    HANDLE_PATTERN,
    RESERVED,
    AnyRead,
    Body,
    BrowserProgram,
    CedarAttribute,
    Check,
    FlowRead,
    HttpProgram,
    Made,
    McpProgram,
    McpRead,
    Program,
    PythonProgram,
    PythonRead,
    Read,
    RouteProgram,
    UndoProgram,
)

_CEL_TYPES: Mapping[str, CelType] = {
    "string": "string",
    "integer": "int",
    "boolean": "bool",
    "array": "list",
    "secret": "string",
}
_NO_BODY_HEADERS = ("authorization", "host", "content-length", "cookie", "transfer-encoding")


def compile_inputs(fields: Mapping[str, Input]) -> InputSchema:
    """The closed schema of declared inputs; raises `AilyusError` with the field that is wrong."""
    properties: dict[str, JsonValue] = {}
    for name, field in fields.items():
        if name in RESERVED:
            raise AilyusError("bad_contract", f"the input name `{name}` is reserved", field=f"inputs.{name}")
        schema = field.model_dump(
            mode="json",
            by_alias=True,
            exclude_none=True,
            exclude_defaults=True,
            exclude={"from_", "index", "optional", "secret", "late"},
        )
        if field.type == "secret":
            schema |= {"type": "string", "pattern": HANDLE_PATTERN}
        if field.from_:
            schema["description"] = f"{field.description.rstrip('.')} (from {field.from_})"
        if field.type == "string" and not field.enum:
            schema.setdefault("maxLength", DEFAULT_MAX_LENGTH)
        if field.type == "array":
            if field.items is None:
                raise AilyusError("bad_contract", "a list needs `items`", field=f"inputs.{name}")
            schema.setdefault("maxItems", 100)
        properties[name] = schema
    required: list[JsonValue] = [n for n, f in fields.items() if not f.optional and f.default is None]
    closed: dict[str, JsonValue] = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,  # guard: closed schema
    }
    finders = {n: f.from_ for n, f in fields.items() if f.from_}
    try:
        return InputSchema.compile(closed, finders)
    except ValueError as error:
        raise AilyusError("bad_contract", f"the inputs are no JSON Schema: {error}", field="inputs") from None


def input_names(fields: Mapping[str, Input]) -> dict[str, CelType]:
    """The inputs as names of expressions."""
    return {f"inputs.{name}": _CEL_TYPES[field.type] for name, field in fields.items()}


def compile_contract(contract: Contract, system: System | None, flows: Mapping[str, Flow] | None = None) -> Program:
    """Compile, or raise `AilyusError` whose `field` is the path of the offending key, for example `expect.0.that`."""
    return _Compiler(contract, system, flows or {}).program()


_ANSWER_BODY = Names.of({"body": "dyn"})
_LOGIN: Mapping[str, CelType] = {"login.username": "string", "login.password": "string"}


class Texts:
    """Compiles the texts of contracts and plans; every fault names the key that it stands at."""

    def __init__(self, flows: Mapping[str, Flow]) -> None:
        self.flows = flows

    def flow(self, where: str, name: str, kind: str, target: str, names: Names) -> FlowProgram:
        """A flow as one contract uses it, with the flow that signs in."""
        flow = self.flows.get(name)
        if flow is None or flow.kind != kind:
            sentence = f"there is no flow `{name}` that is a {kind}"
            raise AilyusError("bad_contract", sentence, hint="flows stand beside the contracts", field=where)
        if flow.target != target:
            raise AilyusError("bad_contract", f"the flow `{name}` is for `{flow.target}`, not `{target}`", field=where)
        templates: dict[str, Template] = {}
        for index, step in enumerate(flow.steps):
            here = f"{where}: {name}.steps.{index}"
            for path in (step.goto, step.commit.path if step.commit else None):
                if path is not None:
                    templates[path] = self.path(here, path, names)
            for text in (step.is_, step.with_, step.option, *step.query.values(), *_words(step.locator)):
                if text is not None and text not in templates:
                    templates[text] = self.template(here, text, names)
        login = self.flow(where, flow.login, "login", target, Names.of(_LOGIN)) if flow.login else None
        content = {"flow": flow.model_dump(mode="json", by_alias=True), "login": login.digest if login else None}
        return FlowProgram(flow, digest(content), templates, login)

    def read(self, name: str, observe: Observe, target: str, names: Names) -> AnyRead:
        """One read of the source of truth."""
        where = f"observe.{name}"
        if observe.browser is not None:
            system = observe.target or target
            flow = self.flow(f"{where}.browser", observe.browser, "read", system, names)
            return FlowRead(name, system, flow, observe.may_be_absent)
        if observe.mcp is not None:
            arguments = self.arguments(f"{where}.mcp.arguments", observe.mcp, names)
            return McpRead(name, observe.target or target, observe.mcp.tool, observe.mcp.definition, arguments)
        if observe.python is not None:
            call = observe.python
            arguments = self.arguments(f"{where}.python.arguments", call, names)
            return PythonRead(name, observe.target or target, call.operation, arguments, observe.may_be_absent)
        self.check_headers(where, observe.headers)
        return Read(
            name,
            observe.target or target,
            self.path(f"{where}.get", observe.get or observe.post or "", names),
            self.pairs(f"{where}.query", observe.query, names),
            observe.may_be_absent,
            "GET" if observe.get else "POST",
            self.pairs(f"{where}.headers", observe.headers, names),
            self.body(f"{where}.json", observe.json_body, names) if observe.json_body is not None else None,
            self.pairs(f"{where}.form", observe.form, names) if observe.form is not None else None,
            observe.decode,
            observe.lists,
            observe.omits_empty,
            self.expression(f"{where}.whole", observe.whole, _ANSWER_BODY) if observe.whole else None,
        )

    def check_headers(self, where: str, headers: Mapping[str, str]) -> None:
        """Refuse headers that are not for contracts."""
        for name in headers:
            if name.lower() in _NO_BODY_HEADERS:
                raise AilyusError("bad_contract", f"the header `{name}` is not for contracts", field=where)

    def body(self, where: str, tree: JsonValue, names: Names) -> Body:
        """A JSON body with its templates."""
        templates: dict[str, Template] = {}
        stack = [tree]
        while stack:
            node = stack.pop()
            if isinstance(node, str):
                templates[node] = self.template(where, node, names)
            elif isinstance(node, list):
                stack.extend(node)
            elif isinstance(node, dict):
                stack.extend(node.values())
        return Body(tree, templates)

    def arguments(self, where: str, call: McpCall | PythonCall, names: Names) -> Body:
        """The arguments of a call: what is made of a text there is not known, so a value never stands inside of one."""
        body = self.body(where, dict(call.arguments), names)
        for source, template in body.templates.items():
            _refuse_mixed(where, source, template)
        return body

    def checks(self, where: str, conditions: Iterable[Condition], names: Names) -> tuple[Check, ...]:
        """Conditions with their sentences. What a missing field means is said in words, never by `has`."""
        out = []
        for i, c in enumerate(conditions):
            expression = self.expression(f"{where}.{i}.that", c.that, names)
            asks = expression.claims_absence if where == "require" else expression.asks_absence
            if asks and c.absent is None:  # guard: no proof by a missing field
                sentence = f"`{c.that}` draws a conclusion from a field that is not there"
                hint = "name the field without `has`; say in `absent` why it counts as met where the field is missing"
                raise AilyusError("bad_contract", sentence, hint=hint, field=f"{where}.{i}.that")
            if not isinstance(expression.value({}), Fault):
                sentence = f"`{c.that}` is the same whatever is read, so it checks nothing"
                hint = "compare what is read, for example `after.user.status == 'SUSPENDED'`"
                raise AilyusError("bad_contract", sentence, hint=hint, field=f"{where}.{i}.that")
            out.append(Check(expression, c.otherwise, c.so or "", c.absent or ""))
        return tuple(out)

    def pairs(
        self, where: str, pairs: Mapping[str, str | Sequence[str]], names: Names
    ) -> tuple[tuple[str, Template], ...]:
        """Query, header or form values, a list as one for each; another grammar only through a typed function."""
        out = []
        for key, source in _flat(pairs):
            template = self.template(f"{where}.{key}", source, names)
            _refuse_mixed(f"{where}.{key}", source, template)
            out.append((key, template))
        return tuple(out)

    def path(self, where: str, source: str, names: Names) -> Template:
        """A path in which every `${…}` is a segment, or a part of one that its marks set apart."""
        template = self.template(where, source, names)
        if fault := template.path_fault:
            raise AilyusError("bad_contract", fault, field=where)
        return template

    def template(self, where: str, source: str, names: Names) -> Template:
        """One template."""
        try:
            return Template.compile(source, names)
        except AilyusError as error:
            raise AilyusError(error.code, error.sentence, field=where) from None

    def expression(self, where: str, text: str, names: Names) -> Expression:
        """One expression."""
        try:
            return Expression.compile(text, names)
        except AilyusError as error:
            raise AilyusError(error.code, error.sentence, field=where) from None


class _Compiler(Texts):
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
            not_secret=(*(_unphased(p) for p in c.not_secret), *([f"{made.path}.{made.id}"] if made else [])),
            compared=compared(check.expression.text for check in expect),
            resource_shown=self.template("resource.shown", resource.shown, self.before) if resource.shown else None,
            refusal=self.expression("refusal", c.refusal, self.answer) if c.refusal else None,
        )
        self._check_secrets(program)
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

    def _check_secrets(self, program: Program) -> None:
        """A secret stands in a whole header or a whole JSON or form value of `execute`, and nowhere else."""
        for name in program.secret_inputs:
            pattern = re.compile(rf"\binputs\.{name}\b")
            whole = f"${{inputs.{name}}}"
            for where, source in _sources(program):
                if pattern.search(source) and not (where == "execute" and source == whole):
                    hint = f"write `{whole}` alone, as a header, a JSON value or a form value of `execute`"
                    raise AilyusError(
                        "bad_contract", f"the secret `{name}` stands in `{source}`", hint=hint, field=where
                    )
        if not program.secretive:
            return
        if program.refusal:
            hint = "leave `refusal` out: the answer stays in the evidence"
            raise AilyusError("bad_contract", "a refusal could carry a secret out", hint=hint, field="refusal")
        if {"screenshot", "snapshot"} & set(self.contract.evidence.get("browser", ())):  # guard: no picture of a secret
            sentence = "where a secret passes, no screenshot or snapshot is taken"
            raise AilyusError("bad_contract", sentence, hint="leave them out of `evidence`", field="evidence")
        keyed = any(isinstance(r, HttpProgram) and r.idempotency_header for r in program.routes)
        if keyed and program.secret_outputs:
            raise AilyusError("bad_contract", "an idempotency key would give the secret out again", field="execute.0")
        for name, output in self.contract.outputs.items():
            formed = isinstance(output, Output) and (output.secret or output.pattern or output.enum)
            if not formed:
                hint = "give it `pattern` or `enum`, or `secret: {to: [...]}`"
                raise AilyusError(
                    "bad_contract", f"the output `{name}` could carry a secret out", hint=hint, field=f"outputs.{name}"
                )

        self._check_kept(program)

    def _check_kept(self, program: Program) -> None:
        """Where a secret passes, what is read of the state before is kept as digests, but what can hold no secret."""
        clear = program.not_secret
        texts = [
            (w, t) for w, t in _sources(program) if w in ("expect", "outputs", "says", "resource", "undo", "foreign")
        ]
        texts += [("shows", f"before.{_unphased(path)}") for path in self.contract.shows]
        require_known(texts, clear)  # guard: no value that is needed in clear
        whole = {f"${{inputs.{name}}}" for name in program.secret_inputs}
        names = {name for route in self.contract.execute for tree in _sent(route) for name in placed(tree, whole)}
        given = [o.value for o in self.contract.outputs.values() if isinstance(o, Output) and o.secret]
        names |= {name for text in given for name in re.findall(r"\.(\w+)\}$", text)}
        refuse_placed([_unphased(path) for path in self.contract.not_secret], names)

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
            texts += [observe.get or observe.post or "", *(text for _, text in _flat(observe.query))]
            texts += [text for _, text in _flat(observe.form or {})]
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


def _refuse_mixed(where: str, source: str, template: Template) -> None:
    """A value stands inside of another text only through a typed function: it could change what the text means."""
    # guard: no value inside of an argument
    if len(template.parts) > 1 and any(not isinstance(p, str) and p.function is None for p in template.parts):
        hint = "take the whole text as an input, or use a typed function, for example ${scim.string(inputs.name)}"
        sentence = f"`{source}` puts a bare value into a text of another grammar"
        raise AilyusError("bad_expression", sentence, hint=hint, field=where)


def _unphased(path: str) -> str:
    return path.removeprefix("before.").removeprefix("after.")


def _sent(route: Route) -> Iterable[JsonValue]:
    """What a route sends that may hold a secret."""
    if route.http is not None:
        yield route.http.json_body
        yield {n: v if isinstance(v, str) else list(v) for n, v in (route.http.form or {}).items()}
    for call in (route.mcp, route.python):
        if call is not None:
            yield dict(call.arguments)


def _flat(pairs: Mapping[str, str | Sequence[str]]) -> Iterable[tuple[str, str]]:
    for key, value in pairs.items():
        yield from ((key, one) for one in ([value] if isinstance(value, str) else value))


def _source(output: str | Output) -> str:
    return output.value if isinstance(output, Output) else output


def _sources(program: Program) -> Iterable[tuple[str, str]]:
    """Every text of a contract that is evaluated, and where it stands; `execute` may hold secrets as whole values."""
    for read in program.reads:
        if isinstance(read, FlowRead):
            yield from ((f"observe.{read.name}", text) for text in read.flow.templates)
        if isinstance(read, McpRead | PythonRead):
            yield from ((f"observe.{read.name}", text) for text in read.arguments.templates)
    for index, route in enumerate(program.routes):
        if isinstance(route, BrowserProgram):
            typed = {step.with_ for step in route.flow.flow.steps if step.with_ is not None}
            yield from (("execute" if t in typed else f"execute.{index}", t) for t in route.flow.templates)
            continue
        tests = (route.ok, route.declined, route.no_effect)
        yield from ((f"execute.{index}", e.text) for e in tests if e)
        if isinstance(route, McpProgram | PythonProgram):
            yield from (("execute", t) for t in route.arguments.templates)
            continue
        yield from ((f"execute.{index}", t.source) for t in (route.path, *(t for _, t in route.query)))
        yield from (("execute", t.source) for _, t in (*route.headers, *(route.form or ())))
        yield from (("execute", t) for t in (route.body.templates if route.body else ()))
        yield from ((f"execute.{index}", route.if_match.source) for _ in [0] if route.if_match)
    for where, checks in (("require", program.require), ("expect", program.expect)):
        yield from ((where, check.expression.text) for check in checks)
    yield from (("outputs", t.source) for _, t in program.outputs)
    yield from (("says", t.source) for t in (program.says, program.resource_id, program.resource_label) if t)
    yield from (("resource", a.value.source) for a in program.attributes)
    yield from (("undo", t) for t in (program.undo.arguments.templates if program.undo else ()))
    yield from (("foreign", e.text) for e in (program.foreign, program.ours, program.widens, program.spends) if e)


def flows_of(reads: Iterable[AnyRead], routes: Iterable[RouteProgram]) -> Iterable[FlowProgram]:
    """Every flow that a contract uses."""
    yield from (read.flow for read in reads if isinstance(read, FlowRead))
    yield from (route.flow for route in routes if isinstance(route, BrowserProgram))


def _words(locator: Locator | None) -> Iterable[str]:
    """The texts of a locator that may hold values."""
    if locator is not None:
        yield from (w for w in (locator.name, locator.label, locator.text) if w is not None)
        yield from _words(locator.within)


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
