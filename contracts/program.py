"""A contract compiled: every expression checked against declared names, every template parsed, every path known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from contracts.canonical import digest
from contracts.contract import Asked, Condition, Contract, Observe, Resource, Route, System
from contracts.errors import AilyusError
from contracts.expressions import CelType, Expression, Fault, Names, Scope, Template
from contracts.inputs import DEFAULT_MAX_LENGTH, InputSchema

REASON: Final[Mapping[str, JsonValue]] = {
    "type": "string",
    "minLength": 10,
    "maxLength": 300,
    "description": "Why, in your own words: a person reads it, and it is recorded as the agent's words.",
}
_CEL_TYPES: Mapping[str, CelType] = {"string": "string", "integer": "int", "boolean": "bool", "array": "list"}


class Absent:
    """The one value of a path that leads nowhere; never equal to null."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()


def lookup(path: str, scope: Scope) -> object:
    """The value at a qualified path such as `before.user.profile.email`, or `ABSENT`."""
    parts = path.split(".")
    value: object = scope.get(".".join(parts[:2]), ABSENT)
    for part in parts[2:]:
        value = value.get(part, ABSENT) if isinstance(value, Mapping) else ABSENT
    return value


@dataclass(frozen=True, slots=True)
class Read:
    """One compiled read of the source of truth."""

    name: str
    target: str
    path: Template
    query: tuple[tuple[str, Template], ...]
    may_be_absent: bool


@dataclass(frozen=True, slots=True)
class Check:
    """A compiled condition with the sentence for when it does not hold."""

    expression: Expression
    sentence: str


@dataclass(frozen=True, slots=True)
class CedarAttribute:
    """A typed attribute of the resource; `default` is the strict value, if one is declared."""

    name: str
    type: str
    value: Template
    default: JsonValue
    user_editable: bool


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON body whose strings may be templates; an absent optional input leaves its key out."""

    tree: JsonValue
    templates: Mapping[str, Template]

    def filled(self, scope: Scope, absent: frozenset[str]) -> JsonValue | Fault:
        """The body for one request, or the fault of the first template without a value."""
        return self._filled(self.tree, scope, absent)

    def _filled(self, node: JsonValue, scope: Scope, absent: frozenset[str]) -> JsonValue | Fault:
        if isinstance(node, str):
            return self.templates[node].filled(scope)
        if isinstance(node, list):
            items: list[JsonValue] = []
            for item in node:
                filled = self._filled(item, scope, absent)
                if isinstance(filled, Fault):
                    return filled
                items.append(filled)
            return items
        if isinstance(node, dict):
            out: dict[str, JsonValue] = {}
            for key, item in node.items():
                if isinstance(item, str) and item in absent:
                    continue
                filled = self._filled(item, scope, absent)
                if isinstance(filled, Fault):
                    return filled
                out[key] = filled
            return out
        return node


@dataclass(frozen=True, slots=True)
class HttpProgram:
    """One compiled HTTP route."""

    index: int
    method: str
    path: Template
    query: tuple[tuple[str, Template], ...]
    headers: tuple[tuple[str, Template], ...]
    body: Body | None
    form: tuple[tuple[str, Template], ...] | None
    timeout_ms: int
    idempotency_header: str | None
    if_match: Template | None
    ok: Expression
    declined: Expression | None
    no_effect: Expression | None


@dataclass(frozen=True, slots=True)
class Program:
    """Everything that the gateway needs to carry one contract out. Immutable; compiled off the loop."""

    contract: Contract
    digest: str
    inputs: InputSchema
    reads: tuple[Read, ...]
    resource_type: str
    resource_id: Template
    resource_label: Template | None
    attributes: tuple[CedarAttribute, ...]
    asked: tuple[Expression, Expression] | None
    require: tuple[Check, ...]
    says: Template | None
    routes: tuple[HttpProgram, ...]
    expect: tuple[Check, ...]
    foreign: Expression | None
    outputs: tuple[tuple[str, Template], ...]
    pinned: tuple[str, ...]
    probed: tuple[str, ...]

    @property
    def name(self) -> str:
        """The contract's name, which is the tool's name."""
        return self.contract.contract

    @property
    def is_write(self) -> bool:
        """True when the contract can change something."""
        return self.contract.kind == "write"

    @property
    def needs_reason(self) -> bool:
        """Writes of risk medium and above ask the agent for a reason."""
        return self.is_write and self.contract.risk != "low"

    def scope(self, params: Mapping[str, JsonValue], tenant: str, environment: str) -> dict[str, object]:
        """The names that are known before anything was read."""
        scope: dict[str, object] = {f"inputs.{name}": value for name, value in params.items()}
        scope["connection.tenant"] = tenant
        scope["connection.environment"] = environment
        return scope

    def absent(self, params: Mapping[str, JsonValue]) -> frozenset[str]:
        """Whole-value templates of optional inputs that were left out."""
        return frozenset(f"${{inputs.{name}}}" for name in self.contract.inputs if name not in params)


def compile_contract(contract: Contract, system: System | None) -> Program:
    """Compile, or raise `AilyusError` whose `field` is the path of the offending key, for example `expect.0.that`."""
    return _Compiler(contract, system).program()


class _Compiler:
    def __init__(self, contract: Contract, system: System | None) -> None:
        self.contract = contract
        self.system = system
        observe = {name: self._observe(name, item) for name, item in contract.observe.items()}
        inputs: dict[str, CelType] = {f"inputs.{name}": _CEL_TYPES[i.type] for name, i in contract.inputs.items()}
        connection: dict[str, CelType] = {"connection.tenant": "string", "connection.environment": "string"}
        before: dict[str, CelType] = {f"before.{name}": "dyn" for name in observe}
        after: dict[str, CelType] = {f"after.{name}": "dyn" for name in observe}
        response: dict[str, CelType] = {"response.status": "int", "response.headers": "dyn", "response.body": "dyn"}
        self.observe = observe
        self.early = Names.of({**inputs, **connection})
        self.before = Names.of({**inputs, **connection, **before})
        self.answer = Names.of({**inputs, **connection, **before, **response})
        self.after = Names.of({**inputs, **connection, **before, **after, **response})

    def program(self) -> Program:
        c = self.contract
        resource = self._resource()
        require = self._checks("require", c.require, self.before)
        expect = self._checks("expect", c.expect, self.after)
        routes = tuple(self._route(i, r) for i, r in enumerate(c.execute))
        attributes = tuple(
            CedarAttribute(
                name,
                a.type,
                self._template(f"resource.attributes.{name}", a.value, self.before),
                a.default,
                a.authority == "target_user",
            )
            for name, a in resource.attributes.items()
        )
        for key, paths in (("shows", c.shows), ("unchanged", c.unchanged), ("disclose", c.disclose)):
            self._check_paths(key, paths)
        used = {p for check in require for p in check.expression.paths()}
        used |= {p for route in routes for e in _route_expressions(route) for p in e.paths()}
        pinned = {p for p in used | set(c.shows) if p.startswith("before.")}
        proof = {p for check in expect for p in check.expression.paths()}
        probed = pinned | {"before." + p.split(".", 1)[1] for p in proof} | {f"before.{p}" for p in c.unchanged}
        content = {
            "contract": c.model_dump(mode="json", by_alias=True),
            "system": self.system.model_dump(mode="json", by_alias=True) if self.system else None,
        }
        return Program(
            contract=c,
            digest=digest(content),
            inputs=self._inputs(),
            reads=tuple(self._read(name, o) for name, o in self.observe.items()),
            resource_type=resource.type,
            resource_id=self._template("resource.id", resource.id, self.before),
            resource_label=self._template("resource.label", resource.label, self.before) if resource.label else None,
            attributes=attributes,
            asked=self._asked(c.request) if c.request else None,
            require=require,
            says=self._template("says", c.says, self.before) if c.says else None,
            routes=routes,
            expect=expect,
            foreign=self._expression("foreign", c.foreign, self.after) if c.foreign else None,
            outputs=tuple(
                (n, self._template(f"outputs.{n}", t, self.before if c.kind == "read" else self.after))
                for n, t in c.outputs.items()
            ),
            pinned=tuple(sorted(pinned)),
            probed=tuple(sorted(probed)),
        )

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

    def _inputs(self) -> InputSchema:
        properties: dict[str, JsonValue] = {}
        for name, field in self.contract.inputs.items():
            if name in ("reason", "connection"):
                raise AilyusError("bad_contract", f"the input name `{name}` is reserved", field=f"inputs.{name}")
            schema = field.model_dump(
                mode="json",
                by_alias=True,
                exclude_none=True,
                exclude_defaults=True,
                exclude={"from_", "index", "optional", "secret"},
            )
            if field.from_:
                schema["description"] = f"{field.description.rstrip('.')} (from {field.from_})"
            if field.type == "string" and not field.enum:
                schema.setdefault("maxLength", DEFAULT_MAX_LENGTH)
            if field.type == "array":
                if field.items is None:
                    raise AilyusError("bad_contract", "a list needs `items`", field=f"inputs.{name}")
                schema.setdefault("maxItems", 100)
            properties[name] = schema
        required: list[JsonValue] = [n for n, f in self.contract.inputs.items() if not f.optional and f.default is None]
        closed: dict[str, JsonValue] = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
        finders = {n: f.from_ for n, f in self.contract.inputs.items() if f.from_}
        try:
            return InputSchema.compile(closed, finders)
        except ValueError as error:
            raise AilyusError("bad_contract", f"the inputs are no JSON Schema: {error}", field="inputs") from None

    def _read(self, name: str, observe: Observe) -> Read:
        where = f"observe.{name}"
        return Read(
            name,
            observe.target or self.contract.target,
            self._path(f"{where}.get", observe.get, self.early),
            self._pairs(f"{where}.query", observe.query, self.early),
            observe.may_be_absent,
        )

    def _route(self, index: int, route: Route) -> HttpProgram:
        where = f"execute.{index}"
        if route.http is None:
            raise AilyusError("bad_contract", "a route needs `http`", field=where)
        http = route.http
        headers = http.headers
        for name in headers:
            if name.lower() in ("authorization", "host", "content-length", "cookie", "transfer-encoding"):
                raise AilyusError("bad_contract", f"the header `{name}` is not for contracts", field=f"{where}.http")
        return HttpProgram(
            index=index,
            method=http.method,
            path=self._path(f"{where}.http", http.path, self.before),
            query=self._pairs(f"{where}.http.query", http.query, self.before),
            headers=self._pairs(f"{where}.http.headers", headers, self.before),
            body=self._body(f"{where}.http.json", http.json_body) if http.json_body is not None else None,
            form=self._pairs(f"{where}.http.form", http.form, self.before) if http.form is not None else None,
            timeout_ms=http.timeout,
            idempotency_header=http.idempotency_key,
            if_match=self._template(f"{where}.http.if_match", http.if_match, self.before) if http.if_match else None,
            ok=self._expression(f"{where}.ok", route.ok or "", self.answer),
            declined=self._expression(f"{where}.declined", route.declined, self.answer) if route.declined else None,
            no_effect=self._expression(f"{where}.no_effect", route.no_effect, self.answer) if route.no_effect else None,
        )

    def _body(self, where: str, tree: JsonValue) -> Body:
        templates: dict[str, Template] = {}
        stack = [tree]
        while stack:
            node = stack.pop()
            if isinstance(node, str):
                templates[node] = self._template(where, node, self.before)
            elif isinstance(node, list):
                stack.extend(node)
            elif isinstance(node, dict):
                stack.extend(node.values())
        return Body(tree, templates)

    def _asked(self, asked: Asked) -> tuple[Expression, Expression]:
        return (
            self._expression("request.verified", asked.verified, self.before),
            self._expression("request.requester_is_subject", asked.requester_is_subject, self.before),
        )

    def _checks(self, where: str, conditions: Iterable[Condition], names: Names) -> tuple[Check, ...]:
        return tuple(
            Check(self._expression(f"{where}.{i}.that", c.that, names), c.otherwise) for i, c in enumerate(conditions)
        )

    def _pairs(self, where: str, pairs: Mapping[str, str], names: Names) -> tuple[tuple[str, Template], ...]:
        out = []
        for key, source in pairs.items():
            template = self._template(f"{where}.{key}", source, names)
            mixed = len(template.parts) > 1
            if mixed and any(not isinstance(p, str) and p.function is None for p in template.parts):
                raise AilyusError(
                    "bad_expression",
                    f"`{source}` puts a bare value into a string of another grammar",
                    hint="use a typed function, for example ${scim.string(inputs.name)}",
                    field=f"{where}.{key}",
                )
            out.append((key, template))
        return tuple(out)

    def _path(self, where: str, source: str, names: Names) -> Template:
        template = self._template(where, source, names)
        literal = "".join(p if isinstance(p, str) else "\x00" for p in template.parts)
        segments = literal.split("/")
        if any(("\x00" in s and s != "\x00") or s in (".", "..") for s in segments) or set(literal) & set("?#%\\;"):
            raise AilyusError("bad_contract", "in a path every `${…}` is one whole segment", field=where)
        return template

    def _template(self, where: str, source: str, names: Names) -> Template:
        try:
            return Template.compile(source, names)
        except AilyusError as error:
            raise AilyusError(error.code, error.sentence, field=where) from None

    def _expression(self, where: str, text: str, names: Names) -> Expression:
        try:
            return Expression.compile(text, names)
        except AilyusError as error:
            raise AilyusError(error.code, error.sentence, field=where) from None

    def _check_paths(self, key: str, paths: Iterable[str]) -> None:
        for index, path in enumerate(paths):
            name = path.removeprefix("before.").removeprefix("after.").split(".")[0]
            if name not in self.observe:
                raise AilyusError("bad_contract", f"`{path}` is observed nowhere", field=f"{key}.{index}")


def _route_expressions(route: HttpProgram) -> Iterable[Expression]:
    templates = [route.path, *(t for _, t in (*route.query, *route.headers, *(route.form or ())))]
    templates += [route.if_match] if route.if_match else []
    templates += route.body.templates.values() if route.body else []
    for template in templates:
        yield from template.expressions
