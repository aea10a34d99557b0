"""Expressions, templates, reads and bodies of contracts and plans, compiled against the names that they may use."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

from contracts.canonical import digest
from contracts.compiler.body import Body
from contracts.compiler.check import Check
from contracts.compiler.expressions import CelType, Expression, Fault, Names
from contracts.compiler.flow_program import FlowProgram
from contracts.compiler.page_rule import check_sent, page_names, page_rule
from contracts.compiler.read_program import AnyRead, FlowRead, McpRead, PythonRead, Read
from contracts.compiler.template import Template
from contracts.errors import AilyusError
from contracts.schema.contract import Condition
from contracts.schema.flow import Flow
from contracts.schema.locator import Locator
from contracts.schema.route import McpCall, Observe, PythonCall

_NO_BODY_HEADERS = ("authorization", "host", "content-length", "cookie", "transfer-encoding")
_ANSWER_BODY = Names.of({"body": "dyn"})
_COUNTED = ("page.number", "page.offset")
"""Whole numbers that we count ourselves: they cannot change what a text means."""
_LOGIN: Mapping[str, CelType] = {"login.username": "string", "login.password": "string"}


class TextCompiler:
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
        names = page_names(names, observe.pages)
        read = Read(
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
            page_rule(observe.pages) if observe.pages else None,
        )
        if observe.pages is not None:
            sent = [template.source for _, template in (*read.query, *read.headers, *(read.form or ()))]
            check_sent(where, observe.pages, [read.path.source, *sent, *(read.body.templates if read.body else ())])
        return read

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
        for key, source in flat_pairs(pairs):
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


def _refuse_mixed(where: str, source: str, template: Template) -> None:
    """A value stands inside of another text only through a typed function: it could change what the text means."""
    bare = [p for p in template.parts if not isinstance(p, str) and p.function is None]
    # guard: no value inside of an argument
    if len(template.parts) > 1 and any(p.expression.text not in _COUNTED for p in bare):
        hint = "take the whole text as an input, or use a typed function, for example ${scim.string(inputs.name)}"
        sentence = f"`{source}` puts a bare value into a text of another grammar"
        raise AilyusError("bad_expression", sentence, hint=hint, field=where)


def flat_pairs(pairs: Mapping[str, str | Sequence[str]]) -> Iterable[tuple[str, str]]:
    """Each value of each name, one by one."""
    for key, value in pairs.items():
        yield from ((key, one) for one in ([value] if isinstance(value, str) else value))


def _words(locator: Locator | None) -> Iterable[str]:
    """The texts of a locator that may hold values."""
    if locator is not None:
        yield from (w for w in (locator.name, locator.label, locator.text) if w is not None)
        yield from _words(locator.within)
