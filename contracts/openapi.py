"""Drafts from an API description: OpenAPI 3.0, 3.1 or Swagger 2.0, read from one file and nowhere else."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
import yaml
from pydantic import JsonValue

from contracts.document import levelled
from contracts.draft import Draft, Inputs, identifier
from contracts.errors import AilyusError
from contracts.source import Malformed, read_bytes

MAX_FILE: Final = 64 * 1024 * 1024
"""Bytes of a description; public ones have been seen with 12 MiB."""
MAX_YAML: Final = 8 * 1024 * 1024
MAX_ALIASES: Final = 1_000
MAX_DEPTH: Final = 200
MAX_REFS: Final = 64
_METHODS: Final = ("get", "put", "post", "delete", "patch")
_HOLE = re.compile(r"\{([^{}]+)\}")
Part = dict[str, JsonValue]


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

    def draft(self, named: str, read: str, target: str, fixed: Part) -> Draft:
        """A draft of one operation. What is not a GET is read back by `read`, or by the GET of the same path."""
        operation = self.find(named)
        inputs = Inputs(fixed)
        name = identifier(operation.id or f"{operation.method}_{_HOLE.sub('by', operation.path)}")
        draft = Draft(name, target, self.title, "http", heard=[_words(operation)])
        reader = self.find(read) if read else self._reader(operation)
        if operation.method == "get":
            draft.observe["answer"] = self._read(operation, inputs)
            draft.outputs = {"answer": "${before.answer}"}
        else:
            draft.route = {"http": self._route(operation, inputs), "ok": self._ok(operation)}
            if reader is None:
                draft.observe["state"] = {"get": "TODO the path that reads back what this changes"}
            else:
                absent = (
                    {"may_be_absent": True} if operation.method == "delete" and reader.path == operation.path else {}
                )
                draft.observe["state"] = {**self._read(reader, inputs), **absent}
                draft.heard.append(_words(reader))
        draft.inputs = inputs.fields
        return draft

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _operations(self) -> Iterator[Operation]:
        paths = self._content["paths"]
        for path, part in paths.items() if isinstance(paths, dict) else ():
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

    def _read(self, operation: Operation, inputs: Inputs) -> dict[str, JsonValue]:
        if operation.method != "get":
            raise AilyusError("bad_description", f"`{operation.said}` does not only read", hint="name a GET")
        path, query, _ = self._places(operation, inputs, needed_only=True)
        return {"get": path, **({"query": query} if query else {})}

    def _route(self, operation: Operation, inputs: Inputs) -> dict[str, JsonValue]:
        path, query, body = self._places(operation, inputs)
        route: dict[str, JsonValue] = {operation.method: path}
        if query:
            route["query"] = query
        if body is not None:
            route["json"] = body
        return route

    def _places(
        self, operation: Operation, inputs: Inputs, *, needed_only: bool = False
    ) -> tuple[str, JsonValue, JsonValue]:
        """Path template, query and body of an operation, with the inputs that they take."""
        placed: dict[str, dict[str, JsonValue]] = {"path": {}, "query": {}}
        needed: dict[str, list[JsonValue]] = {"path": [], "query": []}
        body: JsonValue = None
        for parameter in self._parameters(operation):
            where, name = str(parameter.get("in")), str(parameter.get("name"))
            schema = self._solved(parameter.get("schema", parameter))
            if where == "body":
                body = self._body(schema, inputs)
            elif where in placed:
                placed[where][name] = schema
                if where == "path" or parameter.get("required") is True:
                    needed[where].append(name)
        found = {}
        for where in placed:
            whole: dict[str, JsonValue] = {"properties": dict(placed[where]), "required": needed[where]}
            # an optional part of a query is left to whoever writes the contract: our queries are whole
            found[where] = inputs.arguments(whole, needed_only=True)
        request = self._solved(operation.part.get("requestBody"))
        content = request.get("content")
        if isinstance(content, dict) and isinstance(content.get("application/json"), dict):
            form = content["application/json"]
            body = self._body(self._solved(form.get("schema") if isinstance(form, dict) else None), inputs)
        path = _HOLE.sub(lambda hole: str(found["path"].get(hole[1], "TODO")), operation.path)
        return path, found["query"], body

    def _body(self, schema: Part, inputs: Inputs) -> JsonValue:
        if schema.get("type", "object") != "object":
            return "TODO the body"
        return inputs.arguments(schema)

    def _parameters(self, operation: Operation) -> Iterator[Part]:
        for listed in (operation.shared, operation.part.get("parameters")):
            for parameter in listed if isinstance(listed, list) else ():
                yield self._solved(parameter)

    def _ok(self, operation: Operation) -> str:
        answers = operation.part.get("responses")
        codes = (
            sorted(int(c) for c in answers if re.fullmatch("2[0-9]{2}", str(c))) if isinstance(answers, dict) else []
        )
        return f"response.status in {codes or [200, 201, 202, 204]}"

    def _solved(self, part: JsonValue, depth: int = 0) -> Part:
        """A part with its references followed, all of them inside of this description."""
        if not isinstance(part, dict):
            return {}
        for _ in range(MAX_REFS):
            reference = part.get("$ref")
            if reference is None:
                break
            part = self._at(str(reference))
        out = dict(part)
        if isinstance(choices := out.pop("allOf", None), list) and depth < 6:
            properties: dict[str, JsonValue] = {}
            required: list[JsonValue] = []
            for choice in (*choices, out):
                solved = self._solved(choice, depth + 1)
                own, names = solved.get("properties"), solved.get("required")
                properties |= own if isinstance(own, dict) else {}
                required += names if isinstance(names, list) else []
            out |= {"type": "object", "properties": properties, "required": required}
        parts = out.get("properties")
        if isinstance(parts, dict) and depth < 4:
            # what the other side sets itself is nothing to send
            out["properties"] = {
                name: solved
                for name, one in list(parts.items())[:200]
                if (solved := self._solved(one, depth + 1)).get("readOnly") is not True
            }
        if isinstance(out.get("items"), dict) and depth < 4:
            out["items"] = self._solved(out["items"], depth + 1)
        return out

    def _at(self, reference: str) -> Part:
        """The part that a local reference (RFC 6901) names."""
        if not reference.startswith("#/"):
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


def _words(operation: Operation) -> str:
    return f"{operation.said}: {operation.part.get('summary') or operation.part.get('description') or ''}"
