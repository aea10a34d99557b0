"""Random operations and curl lines: what a draft sends against what a reference sends, byte for byte in meaning."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

from contracts.action.http_request import HttpRequest, render_route
from contracts.compiler.catalog import Complaints, load_catalog
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from contracts.compiler.route_program import HttpProgram
from contracts.drafts.credentials import OF_THE_CLIENT
from contracts.drafts.draft import Draft, DraftInput
from contracts.text.todo import todos

BASE = "http://127.0.0.1:1"
FILLED = DraftInput("low", "User=x", "Change one thing.", "", ("response.status == 200",))
MARKS = {"commas": ",", "pipes": "|", "spaces": " "}
_WHOLE = re.compile(r"\$\{inputs\.([a-z0-9_]+)\}")
_JOINED = re.compile(r"\$\{list\.(commas|pipes|spaces)\(inputs\.([a-z0-9_]+)\)\}")


@dataclass
class Request:
    """A request as its server understands it."""

    method: str
    path: list[str]
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = ""
    body: object = None

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> "Request":
        parts = urlsplit(target)
        lower = {name.lower(): value for name, value in headers.items()}
        kind = lower.pop("content-type", "").partition(";")[0].strip().lower() if body else ""
        told = {
            n: v for n, v in lower.items() if n not in OF_THE_CLIENT and n not in ("host", "accept", "content-type")
        }
        content: object = body
        if kind.endswith("json") or (kind == "application/x-www-form-urlencoded" and body[:1] in (b"{", b"[")):
            content = json.loads(body)
            kind = kind if kind.endswith("json") else "application/json"
        elif kind == "application/x-www-form-urlencoded":
            content = grouped(body.decode())
        return cls(method, [unquote(s) for s in parts.path.split("/")], grouped(parts.query), told, kind, content)


def grouped(text: str) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        out.setdefault(name, []).append(value)
    return out


@dataclass
class Tally:
    """How many were compared, refused for a `TODO` or in words, and every difference."""

    compared: int = 0
    todo: int = 0
    refused: int = 0
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.compared} compared, {self.todo} with a refused TODO, {self.refused} refused in words, {len(self.differences)} differences"


class Different(Exception):
    """The draft cannot send this request."""


def against(draft: Draft, expected: Request, tally: Tally, label: str, credentials: tuple[str, ...] = ()) -> None:
    """Compare what a draft sends with what was expected, once it is given the values that the expected request has."""
    text = draft.text(FILLED)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "c").mkdir()
        (Path(folder) / "c" / "draft.yaml").write_text(text)
        try:
            program: Program | None = load_catalog(Path(folder) / "c").programs[draft.name]
        except Complaints as complaints:
            program, said = None, str(complaints)
    open_ends = list(todos(yaml.safe_load(text)))
    if program is None:
        if open_ends:
            tally.todo += 1
        else:
            tally.differences.append(f"{label}\n  refused without a TODO: {said}")
        return
    if open_ends:
        tally.differences.append(f"{label}\n  a TODO that the check lets pass")
        return
    tally.compared += 1
    own = {name: value for name, value in expected.headers.items() if name not in credentials}
    wanted = Request(expected.method, expected.path, expected.query, own, expected.kind, expected.body)
    try:
        sent = _sent(program, wanted)
    except Different as difference:
        tally.differences.append(f"{label}\n  {difference}\n  wanted {wanted}\n{text}")
        return
    if sent != wanted:
        tally.differences.append(f"{label}\n  sent   {sent}\n  wanted {wanted}\n{text}")


def _sent(program: Program, wanted: Request) -> Request:
    route = program.routes[0]
    assert isinstance(route, HttpProgram)
    params = dict(_bound(program, route, wanted))
    missing = [
        n
        for n, f in program.contract.inputs.items()
        if not f.optional and f.default is None and n not in params and n in _used(route)
    ]
    if missing:
        raise Different(f"{missing} have no place in it")
    for name, part in program.contract.inputs.items():
        if part.default is not None:
            params.setdefault(name, part.default)
    scope = program.scope(params, "t", "e")
    http = render_route(route, BASE, scope, program.absent(params))
    if isinstance(http, Fault):
        raise Different(f"fault: {http.sentence}")
    assert isinstance(http, HttpRequest)
    headers = dict(http.headers)
    if route.key is not None and route.key.header is not None:
        name = route.key.header.lower()
        headers[name] = wanted.headers.get(name, "")
    return Request.of(http.method, http.url, headers, http.body)


def _used(route: HttpProgram) -> str:
    return str([route.path.source, route.query, route.headers, route.form, route.body])


def _bound(program: Program, route: HttpProgram, wanted: Request) -> Iterator[tuple[str, Any]]:
    """The values of the inputs that would make this request; one input has one value."""
    known: dict[str, Any] = {}
    for name, raw in _places(program, route, wanted):
        kind = program.contract.inputs[name].type
        value = _typed(kind, raw)
        if name in known and known[name] != value:
            raise Different(f"`{name}` would be {known[name]!r} and {value!r}")
        known[name] = value
    yield from known.items()


def _typed(kind: str, raw: Any) -> Any:
    if kind == "integer" and isinstance(raw, str):
        return int(raw)
    if kind == "boolean" and isinstance(raw, str):
        return raw == "true"
    if kind == "array":
        return list(raw) if isinstance(raw, list) else [raw]
    return raw


def _places(program: Program, route: HttpProgram, wanted: Request) -> Iterator[tuple[str, Any]]:
    segments = route.path.source.split("/")
    if len(segments) != len(wanted.path):
        raise Different("the path has other segments")
    for segment, value in zip(segments, wanted.path, strict=True):
        names: list[str] = []
        pattern = ""
        for part in re.split(r"(\$\{[^}]*\})", segment):
            hole = _WHOLE.fullmatch(part) or _JOINED.fullmatch(part)
            names += [hole[hole.lastindex or 1]] if hole else []
            pattern += "(.+)" if hole else re.escape(part)
        found = re.fullmatch(pattern, value, re.DOTALL)
        if found is None:
            raise Different(f"`{segment}` cannot be `{value}`")
        yield from zip(names, found.groups(), strict=True)
    yield from _pairs(program, route.query, wanted.query)
    if route.form is not None:
        yield from _pairs(program, route.form, wanted.body if isinstance(wanted.body, dict) else {})
    yield from _pairs(program, route.headers, {n: [v] for n, v in wanted.headers.items()}, lower=True)
    if route.body is not None:
        yield from _tree(route.body.tree, wanted.body)


def _pairs(
    program: Program, pairs: Any, wanted: Mapping[str, list[str]], *, lower: bool = False
) -> Iterator[tuple[str, Any]]:
    for name, template in pairs:
        values = wanted.get(name.lower() if lower else name)
        if values is None:
            continue
        if joined := _JOINED.fullmatch(template.source):
            items: list[Any] = values[0].split(MARKS[joined[1]])
            part = program.contract.inputs[joined[2]].items
            yield joined[2], [int(i) for i in items] if part is not None and part.type == "integer" else items
        elif whole := _WHOLE.fullmatch(template.source):
            field_ = program.contract.inputs[whole[1]]
            number = field_.items is not None and field_.items.type == "integer"
            yield whole[1], ([int(v) for v in values] if number else values) if field_.type == "array" else values[0]


def _tree(tree: Any, wanted: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, str) and (whole := _WHOLE.fullmatch(tree)):
        yield whole[1], wanted
    elif isinstance(tree, dict) and isinstance(wanted, dict):
        for key, part in tree.items():
            if key in wanted:
                yield from _tree(part, wanted[key])
    elif isinstance(tree, list) and isinstance(wanted, list) and len(tree) == len(wanted):
        for part, own in zip(tree, wanted, strict=True):
            yield from _tree(part, own)
