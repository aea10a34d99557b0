"""The compiler of routes: each way to carry an action out, with the tests of its answer."""

from collections.abc import Iterable

from contracts.compiler.expressions import Expression
from contracts.compiler.phase_names import PhaseNames
from contracts.compiler.route_program import BrowserProgram, HttpProgram, McpProgram, PythonProgram, RouteProgram
from contracts.compiler.text_compiler import TextCompiler
from contracts.errors import AilyusError
from contracts.schema.route import Route


class RouteCompiler:
    """Compiles the routes of one contract."""

    def __init__(self, texts: TextCompiler, names: PhaseNames, target: str) -> None:
        self._texts = texts
        self._names = names
        self._target = target

    def compile(self, index: int, route: Route) -> RouteProgram:
        """One route of `execute`."""
        where = f"execute.{index}"
        texts, before, answer = self._texts, self._names.before, self._names.answer
        # what a page says is declared in its flow, so such a route has no tests
        if route.browser is not None:
            flow = texts.flow(f"{where}.browser", route.browser.flow, "write", self._target, before)
            return BrowserProgram(index, flow, route.browser.timeout)
        # `ok` alone confirms nothing (INVARIANT 6): it only tells a refusal from an answer
        tests = (
            texts.expression(f"{where}.ok", route.ok or "!response.body.is_error", answer),
            texts.expression(f"{where}.declined", route.declined, answer) if route.declined else None,
            texts.expression(f"{where}.no_effect", route.no_effect, answer) if route.no_effect else None,
        )
        if route.mcp is not None:
            call = route.mcp
            arguments = texts.arguments(f"{where}.mcp.arguments", call, before)
            return McpProgram(index, call.tool, call.definition, arguments, call.timeout, *tests)
        if route.python is not None:
            arguments = texts.arguments(f"{where}.python.arguments", route.python, before)
            return PythonProgram(index, route.python.operation, arguments, route.python.timeout, *tests)
        if route.http is None:
            raise AilyusError("bad_contract", "a route needs `http`, `browser`, `mcp` or `python`", field=where)
        http = route.http
        headers = http.headers
        texts.check_headers(where, headers)
        made = HttpProgram(
            index=index,
            method=http.method,
            path=texts.path(f"{where}.http", http.path, before),
            query=texts.pairs(f"{where}.http.query", http.query, before),
            headers=texts.pairs(f"{where}.http.headers", headers, before),
            body=texts.body(f"{where}.http.json", http.json_body, before) if http.json_body is not None else None,
            form=texts.pairs(f"{where}.http.form", http.form, before) if http.form is not None else None,
            timeout_ms=http.timeout,
            key=http.key,
            if_match=texts.template(f"{where}.http.if_match", http.if_match, before) if http.if_match else None,
            ok=tests[0],
            declined=tests[1],
            no_effect=tests[2],
            decode=route.decode,
            lists=route.lists,
            stale=texts.expression(f"{where}.stale", route.stale, answer) if route.stale else None,
        )
        # a path names the record, and no version of it
        sent = [e for e in route_expressions(made) if e not in made.path.expressions]
        if made.stale is not None and not any(path.startswith("before.") for e in sent for path in e.paths()):
            sentence = "`stale` is declared, and nothing that was read is sent, so the next attempt would be the same"
            hint = (
                "send the version that was read, for example `SyncToken: ${before.customer.SyncToken}`, or `if_match`"
            )
            raise AilyusError("bad_contract", sentence, hint=hint, field=f"{where}.stale")
        return made


def route_expressions(route: RouteProgram) -> Iterable[Expression]:
    """Every expression of a route whose value is sent."""
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
