"""Drafts from an API description: OpenAPI 3.0, 3.1 or Swagger 2.0, read from one file and nowhere else."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from contracts.drafts.draft import DECLINED, Draft, identifier
from contracts.drafts.draft_inputs import Inputs
from contracts.drafts.openapi_answer import fields_note, refusal_note
from contracts.drafts.openapi_body import FORM
from contracts.drafts.openapi_file import read_description
from contracts.drafts.openapi_parameter import Parameter, Part
from contracts.drafts.openapi_request import HOLE, Writer
from contracts.drafts.openapi_schema import Schemas
from contracts.drafts.request_draft import RequestDraft
from contracts.errors import AilyusError
from contracts.text.todo import TODO

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
        self._schemas = Schemas(content)
        info = content.get("info")
        about = info if isinstance(info, dict) else {}
        version = str(about.get("version", ""))
        self.title = f"{name} {version if re.fullmatch('[0-9A-Za-z.-]{1,20}', version) else ''}".strip()
        self.operations = tuple(self._operations())

    @classmethod
    def load(cls, path: Path) -> "Description":
        """Read a file; raises `AilyusError`."""
        return cls(read_description(path), path.name)

    def find(self, named: str) -> Operation:
        """An operation by its `operationId`, or by method and path."""
        for operation in self.operations:
            if named in (operation.id, operation.said):
                return operation
        # descriptions have thousands of operations: a few near names help, a list does not
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
            note = fields_note(operation.part.get("responses"), self._schemas)
        else:
            sent = self._sent(operation, Writer(inputs, "path", (), needed_only=False))
            route: dict[str, JsonValue] = {"http": sent.written(operation.method), "ok": self._ok(operation)}
            draft.route = {**route, "declined": DECLINED}
            note = refusal_note(operation.part.get("responses"))
            if reader is None:
                draft.observe["state"] = {"get": f"{TODO} the path that reads back what this changes"}
            else:
                # after a DELETE the record is gone, and a 404 is what proves it
                absent = (
                    {"may_be_absent": True} if operation.method == "delete" and reader.path == operation.path else {}
                )
                shared = [HOLE.sub("{}", operation.path[: hole.start()]) for hole in HOLE.finditer(operation.path)]
                draft.observe["state"] = {**self._read(reader, inputs, draft, shared), **absent}
                draft.heard.append(_words(reader))
        draft.notes += [note] if note else []
        if self._schemas.circular:
            draft.notes.append(
                "a part of a schema that refers to itself was cut: compare the body with the description"
            )
        inputs.fill(draft)
        return draft

    # -- parts ------------------------------------------------------------------------------

    def _operations(self) -> Iterator[Operation]:
        paths = self._content["paths"]
        for path, given in paths.items() if isinstance(paths, dict) else ():
            part = self._schemas.flat(given, frozenset())[0] if isinstance(given, dict) and "$ref" in given else given
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
        request = self._schemas.flat(operation.part.get("requestBody"), frozenset())[0]
        content = request.get("content")
        bodies = [p for p in parameters if p.where == "body"]
        fields = [p for p in parameters if p.where == "formData"]
        files = any(p.part.get("type") == "file" for p in fields)
        takes = operation.part.get("consumes", self._content.get("consumes"))
        types = [str(t) for t in takes] if isinstance(takes, list) and takes else ["application/json"]
        if isinstance(content, dict) and content:
            writer.body.write(content, self._schemas.solved)
        elif request:
            writer.body.write({}, self._schemas.solved)
        elif bodies:
            writer.body.write({kind: {"schema": bodies[0].part.get("schema")} for kind in types}, self._schemas.solved)
        elif fields and (files or ("multipart/form-data" in types and FORM not in types)):
            writer.body.write({"multipart/form-data": {}}, self._schemas.solved)
        elif fields:
            writer.body.fields([replace(p, where="body") for p in fields])
        return writer.sent

    def _parameters(self, operation: Operation) -> list[Parameter]:
        """The parameters of a path and of its operation, which says the last word."""
        found: dict[tuple[str, str], Parameter] = {}
        for listed in (operation.shared, operation.part.get("parameters")):
            for given in listed if isinstance(listed, list) else ():
                part = self._schemas.flat(given, frozenset())[0]
                name, where = str(part.get("name")), str(part.get("in"))
                schema = part.get("schema") if isinstance(part.get("schema"), dict) else part
                solved = {} if where == "body" or "content" in part else self._schemas.solved(schema)
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
                header = _header_of(self._schemas.flat(schemes.get(name), frozenset())[0])
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


def _header_of(scheme: Part) -> tuple[str, str] | None:
    kind, way = scheme.get("type"), str(scheme.get("scheme", "")).lower()
    if kind == "apiKey" and scheme.get("in") == "header":
        return str(scheme.get("name")), ""
    if kind == "basic" or (kind == "http" and way == "basic"):
        return "Authorization", "Basic"
    return ("Authorization", "Bearer") if kind in ("oauth2", "openIdConnect") or way == "bearer" else None


def _words(operation: Operation) -> str:
    return f"{operation.said}: {operation.part.get('summary') or operation.part.get('description') or ''}"
