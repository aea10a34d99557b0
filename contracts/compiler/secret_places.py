"""Where a secret of a contract may stand: whole, in what is sent, and in nothing that is kept or shown."""

import re
from collections.abc import Iterable

from pydantic import JsonValue

from contracts.compiler.program import Program
from contracts.compiler.read_program import FlowRead, McpRead, PythonRead
from contracts.compiler.route_program import BrowserProgram, HttpProgram, McpProgram, PythonProgram
from contracts.errors import AilyusError
from contracts.hiding import placed, refuse_placed, require_known
from contracts.schema.output import Output
from contracts.schema.route import Route


def check_secrets(program: Program) -> None:
    """A secret stands in a whole header or a whole JSON or form value of `execute`, and nowhere else."""
    for name in program.secret_inputs:
        pattern = re.compile(rf"\binputs\.{name}\b")
        whole = f"${{inputs.{name}}}"
        for where, source in _sources(program):
            if pattern.search(source) and not (where == "execute" and source == whole):
                hint = f"write `{whole}` alone, as a header, a JSON value or a form value of `execute`"
                raise AilyusError("bad_contract", f"the secret `{name}` stands in `{source}`", hint=hint, field=where)
    if not program.secretive:
        return
    if program.job:
        raise AilyusError("bad_contract", "where a secret passes, nothing of the answer is asked for", field="job")
    if program.refusal:
        hint = "leave `refusal` out: the answer stays in the evidence"
        raise AilyusError("bad_contract", "a refusal could carry a secret out", hint=hint, field="refusal")
    if {"screenshot", "snapshot"} & set(program.contract.evidence.get("browser", ())):  # guard: no picture of a secret
        sentence = "where a secret passes, no screenshot or snapshot is taken"
        raise AilyusError("bad_contract", sentence, hint="leave them out of `evidence`", field="evidence")
    keyed = any(isinstance(r, HttpProgram) and r.key for r in program.routes)
    if keyed and program.secret_outputs:
        raise AilyusError("bad_contract", "an idempotency key would give the secret out again", field="execute.0")
    for name, output in program.contract.outputs.items():
        formed = isinstance(output, Output) and (output.secret or output.pattern or output.enum)
        if not formed:
            hint = "give it `pattern` or `enum`, or `secret: {to: [...]}`"
            raise AilyusError(
                "bad_contract", f"the output `{name}` could carry a secret out", hint=hint, field=f"outputs.{name}"
            )

    _check_kept(program)


def _check_kept(program: Program) -> None:
    """Where a secret passes, what is read of the state before is kept as digests, but what can hold no secret."""
    clear = program.not_secret
    texts = [(w, t) for w, t in _sources(program) if w in ("expect", "outputs", "says", "resource", "undo", "foreign")]
    texts += [("shows", f"before.{unphased(path)}") for path in program.contract.shows]
    require_known(texts, clear)  # guard: no value that is needed in clear
    whole = {f"${{inputs.{name}}}" for name in program.secret_inputs}
    names = {name for route in program.contract.execute for tree in _sent(route) for name in placed(tree, whole)}
    given = [o.value for o in program.contract.outputs.values() if isinstance(o, Output) and o.secret]
    names |= {name for text in given for name in re.findall(r"\.(\w+)\}$", text)}
    refuse_placed([unphased(path) for path in program.contract.not_secret], names)


def unphased(path: str) -> str:
    """A path without `before` or `after`."""
    return path.removeprefix("before.").removeprefix("after.")


def _sent(route: Route) -> Iterable[JsonValue]:
    """What a route sends that may hold a secret."""
    if route.http is not None:
        yield route.http.json_body
        yield {n: v if isinstance(v, str) else list(v) for n, v in (route.http.form or {}).items()}
    for call in (route.mcp, route.python):
        if call is not None:
            yield dict(call.arguments)


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
        tests = [route.ok, route.declined, route.no_effect]
        tests += [route.stale] if isinstance(route, HttpProgram) else []
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
