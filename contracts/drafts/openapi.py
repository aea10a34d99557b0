"""Drafts from an API description: OpenAPI 3.0, 3.1 or Swagger 2.0, read from one file and nowhere else."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import orjson
import yaml
from pydantic import JsonValue

from contracts.drafts.draft import CUT, MAX_NESTING, Draft, Inputs, identifier
from contracts.drafts.openapi_request import FORM, HOLE, Parameter, Part, RequestDraft, Writer
from contracts.errors import AilyusError
from contracts.text.document import levelled
from contracts.text.source import Malformed, read_bytes
from contracts.text.todo import TODO

MAX_FILE: Final = 64 * 1024 * 1024
"""Bytes of a description; public ones have been seen with 12 MiB."""
MAX_YAML: Final = 8 * 1024 * 1024
MAX_ALIASES: Final = 1_000
MAX_DEPTH: Final = 200
MAX_REFS: Final = 64
_METHODS: Final = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its id, method and path, its own part of the description, and the parameters of its path."""

    id: str
    method: str
    path: str
    part: Part
    shared: JsonValue

    @property
    def said(self) -> str:
        """The operation as people name it, for example `DELETE /users/{id}`."""
        return f"{self.method.upper()} {self.path}"


class Description:
    """One API description. `servers`, `host` and every reference to another place are ignored or refused."""

    def __init__(self, content: Part, name: str) -> None:
        self._content = content
        self._circular = False
        info = content.get("info")
        about = info if isinstance(info, dict) else {}
        version = str(about.get("version", ""))
        self.title = f"{name} {version if re.fullmatch('[0-9A-Za-z.-]{1,20}', version) else ''}".strip()
        self.operations = tuple(self._operations())

    @classmethod
    def load(cls, path: Path) -> "Description":
        """Read a file; raises `AilyusError`."""
        try:
            raw = read_bytes(path, MAX_FILE)
        except Malformed as error:
            raise AilyusError("bad_description", str(error), field=str(path)) from None
        content: object = None
        try:
            content = orjson.loads(raw)
        except orjson.JSONDecodeError:
            if len(raw) <= MAX_YAML:
                content = _yaml(raw)
        if not isinstance(content, dict) or not isinstance(content.get("paths"), dict):
            hint = "JSON, or YAML of at most 8 MiB with at most 1,000 aliases"
            raise AilyusError("bad_description", f"`{path}` is no OpenAPI description", hint=hint)
        return cls(content, path.name)

    def find(self, named: str) -> Operation:
        """An operation by its `operationId`, or by method and path."""
        for operation in self.operations:
            if named in (operation.id, operation.said):
                return operation
        near = [o.id or o.said for o in self.operations if named.lower() in f"{o.id} {o.said}".lower()][:8]
        hint = f"for example {', '.join(near)}" if near else "name an operationId, or for example 'DELETE /users/{id}'"
        raise AilyusError("not_found", f"there is no operation `{named}`", hint=hint)

    def draft(self, named: str, read: str, target: str, fixed: Part, without: Collection[str] = ()) -> Draft:
        """A draft of one operation. What is not a GET is read back by `read`, or by the GET of the same path.

        `fixed` are values that agents do not choose, `without` optional parts that are left out (`*`: all of them).
        """
        operation = self.find(named)
        inputs = Inputs(fixed, without)
        name = identifier(operation.id or f"{operation.method}_{HOLE.sub('by', operation.path)}")
        draft = Draft(name, target, self.title, "http", heard=[_words(operation)])
        reader = self.find(read) if read else self._reader(operation)
        draft.credential = self._credential(operation, draft)
        if operation.method == "get":
            draft.observe["answer"] = self._read(operation, inputs, draft, needed_only=False)
            draft.outputs = {"answer": "${before.answer}"}
        else:
            sent = self._sent(operation, Writer(inputs, "path", (), needed_only=False))
            draft.route = {"http": sent.written(operation.method), "ok": self._ok(operation)}
            if reader is None:
                draft.observe["state"] = {"get": f"{TODO} the path that reads back what this changes"}
            else:
                absent = (
                    {"may_be_absent": True} if operation.method == "delete" and reader.path == operation.path else {}
                )
                shared = [HOLE.sub("{}", operation.path[: hole.start()]) for hole in HOLE.finditer(operation.path)]
                draft.observe["state"] = {**self._read(reader, inputs, draft, shared), **absent}
                draft.heard.append(_words(reader))
        if self._circular:
            draft.notes.append(
                "a part of a schema that refers to itself was cut: compare the body with the description"
            )
        inputs.fill(draft)
        return draft

    # -- parts ------------------------------------------------------------------------------

    def _operations(self) -> Iterator[Operation]:
        paths = self._content["paths"]
        for path, given in paths.items() if isinstance(paths, dict) else ():
            part = self._flat(given, frozenset())[0] if isinstance(given, dict) and "$ref" in given else given
            for method in _METHODS:
                own = part.get(method) if isinstance(part, dict) else None
                if isinstance(own, dict) and isinstance(part, dict):
                    yield Operation(str(own.get("operationId") or ""), method, str(path), own, part.get("parameters"))

    def _reader(self, operation: Operation) -> Operation | None:
        """The GET of the same path, or of the nearest path above that ends in a parameter."""
        path = operation.path
        gets = {o.path: o for o in self.operations if o.method == "get"}
        if path in gets:
            return gets[path]
        while path.count("/") > 1:
            path = path.rpartition("/")[0]
            if path in gets and path.endswith("}"):
                return gets[path]
        return None

    def _read(
        self,
        operation: Operation,
        inputs: Inputs,
        draft: Draft,
        shared: Sequence[str] = (),
        *,
        needed_only: bool = True,
    ) -> dict[str, JsonValue]:
        if operation.method != "get":
            raise AilyusError("bad_description", f"`{operation.said}` does not only read", hint="name a GET")
        sent = self._sent(operation, Writer(inputs, "read" if needed_only else "path", shared, needed_only=needed_only))
        if sent.left_out:
            draft.notes.append(f"the read leaves out what is optional: {', '.join(sent.left_out)}")
        return sent.written("get")

    def _sent(self, operation: Operation, writer: Writer) -> RequestDraft:
        """What an operation sends, with the inputs that it takes."""
        parameters = self._parameters(operation)
        writer.parameters(operation.path, parameters)
        if operation.method == "get":
            return writer.sent
        request = self._flat(operation.part.get("requestBody"), frozenset())[0]
        content = request.get("content")
        bodies = [p for p in parameters if p.where == "body"]
        fields = [p for p in parameters if p.where == "formData"]
        takes = operation.part.get("consumes", self._content.get("consumes"))
        types = [str(t) for t in takes] if isinstance(takes, list) and takes else ["application/json"]
        if isinstance(content, dict) and content:
            writer.body(content, self._solved)
        elif request:
            writer.body({}, self._solved)
        elif bodies:
            writer.body({kind: {"schema": bodies[0].part.get("schema")} for kind in types}, self._solved)
        elif fields and (("multipart/form-data" in types and FORM not in types) or any(_is_file(p) for p in fields)):
            writer.body({"multipart/form-data": {}}, self._solved)
        elif fields:
            writer.fields([replace(p, where="body") for p in fields])
        return writer.sent

    def _parameters(self, operation: Operation) -> list[Parameter]:
        """The parameters of a path and of its operation, which says the last word."""
        found: dict[tuple[str, str], Parameter] = {}
        for listed in (operation.shared, operation.part.get("parameters")):
            for given in listed if isinstance(listed, list) else ():
                part = self._flat(given, frozenset())[0]
                name, where = str(part.get("name")), str(part.get("in"))
                schema = part.get("schema") if isinstance(part.get("schema"), dict) else part
                solved = {} if where == "body" or "content" in part else self._solved(schema)
                found[where, name] = Parameter(
                    name, where, part, solved, part.get("required") is True or where == "path"
                )
        return list(found.values())

    def _credential(self, operation: Operation, draft: Draft) -> tuple[str, str] | None:
        """The header of a credential, and the word before it: a bearer's where the description takes one."""
        ways = operation.part.get("security", self._content.get("security"))
        components = self._content.get("components")
        known = components.get("securitySchemes") if isinstance(components, dict) else None
        known = known or self._content.get("securityDefinitions")
        schemes: Part = known if isinstance(known, dict) else {}
        found: list[tuple[str, str]] = []
        for way in ways if isinstance(ways, list) else ():
            for name in way if isinstance(way, dict) else ():
                header = _header_of(self._flat(schemes.get(name), frozenset())[0])
                if header is not None:
                    found.append(header)
                else:
                    draft.notes.append(f"the description asks for the credential {name}, which no header carries")
        return next((one for one in found if one == ("Authorization", "Bearer")), found[0] if found else None)

    def _ok(self, operation: Operation) -> str:
        answers = operation.part.get("responses")
        codes = (
            sorted(int(c) for c in answers if re.fullmatch("2[0-9]{2}", str(c))) if isinstance(answers, dict) else []
        )
        return f"response.status in {codes or [200, 201, 202, 204]}"

    def _solved(self, part: JsonValue) -> Part:
        """A schema with its references followed, as deep as a request needs it; what holds itself is cut and marked."""
        return self._deep(part, frozenset(), 0, True)

    def _deep(self, part: JsonValue, trail: frozenset[str], depth: int, needed: bool) -> Part:
        out, trail = self._flat(part, trail)
        properties, required = out.get("properties"), out.get("required")
        if isinstance(properties, dict) and depth >= MAX_NESTING:
            return {**out, CUT: True}
        if isinstance(properties, dict) and needed:
            musts = required if isinstance(required, list) else []
            # what the other side sets itself is nothing to send
            out["properties"] = {
                name: solved
                for name, one in properties.items()
                if (solved := self._deep(one, trail, depth + 1, name in musts)).get("readOnly") is not True
            }
        if isinstance(out.get("items"), dict):
            out["items"] = self._deep(out["items"], trail, depth + 1, needed)
        return out

    def _flat(self, part: JsonValue, trail: frozenset[str]) -> tuple[Part, frozenset[str]]:
        """One part with its own references followed and `allOf` joined, and the references that led to it."""
        if not isinstance(part, dict):
            return {}, trail
        whole: Part = part
        while (reference := whole.get("$ref")) is not None:
            if str(reference) in trail or len(trail) > MAX_REFS:
                return {CUT: True}, trail
            trail |= {str(reference)}
            whole = self._at(str(reference))
        out = {key: value for key, value in whole.items() if key not in ("allOf", "oneOf", "anyOf")}
        parts = whole.get("allOf")
        chosen = [(c, trail) for c in parts] if isinstance(parts, list) else []
        for key in ("oneOf", "anyOf"):
            choices = whole.get(key)
            if not isinstance(choices, list):
                continue
            real = [c for c in choices if not (isinstance(c, dict) and c.get("type") == "null")]
            if len(real) == 1:
                chosen.append((real[0], trail))
            else:
                out[key] = real
        for choice, above in chosen:
            own, below = self._flat(choice, above)
            self._circular = self._circular or CUT in own
            own.pop(CUT, None)
            out = _joined(own, out)
            trail |= below
        return out, trail

    def _at(self, reference: str) -> Part:
        """The part that a local reference (RFC 6901) names."""
        if not reference.startswith("#/"):  # guard: no reference leads out
            hint = "importers never fetch: put everything into one file"
            raise AilyusError("bad_description", f"`{reference[:200]}` leads out of the description", hint=hint)
        part: JsonValue = dict(self._content)
        for word in reference[2:].split("/"):
            word = word.replace("~1", "/").replace("~0", "~")
            part = part.get(word) if isinstance(part, dict) else None
        if not isinstance(part, dict):
            raise AilyusError("bad_description", f"`{reference[:200]}` leads nowhere")
        return part


def _yaml(raw: bytes) -> object:
    """YAML whose aliases are few: what they share is shared in memory too, and only a little of it is walked.

    And one that is not deep: libyaml takes minutes for a megabyte of brackets.
    """
    aliases = 0
    try:
        for event, depth in levelled(raw):
            aliases += isinstance(event, yaml.AliasEvent)
            if aliases > MAX_ALIASES or depth > MAX_DEPTH:
                return None
        return yaml.load(raw, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _joined(first: Part, second: Part) -> Part:
    """Two parts of one schema: the fields of both, and of the rest what the second says."""
    out = {**first, **second}
    for key in ("properties",):
        both = [part[key] for part in (first, second) if isinstance(part.get(key), dict)]
        if both:
            out[key] = {name: value for part in both if isinstance(part, dict) for name, value in part.items()}
    needed = [name for part in (first, second) if isinstance(named := part.get("required"), list) for name in named]
    if needed:
        out["required"] = needed
    return out


def _header_of(scheme: Part) -> tuple[str, str] | None:
    kind, way = scheme.get("type"), str(scheme.get("scheme", "")).lower()
    if kind == "apiKey" and scheme.get("in") == "header":
        return str(scheme.get("name")), ""
    if kind == "basic" or (kind == "http" and way == "basic"):
        return "Authorization", "Basic"
    return ("Authorization", "Bearer") if kind in ("oauth2", "openIdConnect") or way == "bearer" else None


def _is_file(parameter: Parameter) -> bool:
    return parameter.part.get("type") == "file"


def _words(operation: Operation) -> str:
    return f"{operation.said}: {operation.part.get('summary') or operation.part.get('description') or ''}"
