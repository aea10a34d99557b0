"""What one operation of an API description sends: each parameter at its place, in the form that the description says.

Whatever a contract cannot say stands there as a `TODO`, by its name; nothing is guessed and nothing is left out.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from pydantic import JsonValue

from contracts.drafts.credentials import IDEMPOTENCY, names_a_secret
from contracts.drafts.draft import Inputs, input_of, is_a_choice, lost_parts
from contracts.text.todo import TODO

Part = dict[str, JsonValue]
HOLE: Final = re.compile(r"\{([^{}]+)\}")
FORM: Final = "application/x-www-form-urlencoded"
_NUMBER: Final = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"
_MARKS: Final = {
    "form": ("list.commas", ","),
    "spaceDelimited": ("list.spaces", " "),
    "pipeDelimited": ("list.pipes", "|"),
}
_COLLECTIONS: Final = {
    "multi": ("form", True),
    "csv": ("form", False),
    "ssv": ("spaceDelimited", False),
    "pipes": ("pipeDelimited", False),
}
_NOT_PARAMETERS: Final = ("accept", "content-type", "authorization")
"""Names of header parameters that OpenAPI tells everybody to ignore: other parts of the description say them."""
_NOT_FOR_CONTRACTS: Final = ("host", "content-length", "cookie", "transfer-encoding")
_CREDENTIAL: Final = f"{TODO} a credential: give it to the connection (`header`, `scheme`), then delete the line"


@dataclass(slots=True)
class RequestDraft:
    """The parts of one request as they stand in a contract."""

    path: str = ""
    query: Part = field(default_factory=dict)
    headers: Part = field(default_factory=dict)
    json: JsonValue = None
    form: Part | None = None
    idempotency_key: str = ""
    if_match: str = ""
    left_out: list[str] = field(default_factory=list)

    def written(self, method: str) -> Part:
        """The request as a part of `execute` or `observe`; its method is a key."""
        parts: Part = {
            method: self.path,
            "query": self.query,
            "headers": self.headers,
            "idempotency_key": self.idempotency_key,
            "if_match": self.if_match,
        }
        out: Part = {key: value for key, value in parts.items() if value}
        if self.form is not None:
            out["form"] = self.form
        elif self.json is not None:
            out["json"] = self.json
        return out


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, with its schema solved."""

    name: str
    where: str
    part: Part
    schema: Part
    needed: bool


class Writer:
    """Writes the request of one operation.

    `where` is `path`, or `read` for a request that only reads back what another one changed: then `shared` are the
    places of that one's path, and with `needed_only` optional parameters are left out and listed.
    """

    def __init__(self, inputs: Inputs, where: str, shared: Sequence[str], *, needed_only: bool) -> None:
        self.sent = RequestDraft()
        self._inputs = inputs
        self._where = where
        self._shared = shared
        self._needed_only = needed_only
        self._lost: dict[str, list[str]] = {}

    def parameters(self, path: str, parameters: Sequence[Parameter]) -> None:
        """Path, query, headers and cookies."""
        plain, _, query = path.partition("?")
        self.sent.query |= dict(parse_qsl(query, keep_blank_values=True))
        self.sent.path = self._path(plain, {p.name: p for p in parameters if p.where == "path"})
        for parameter in parameters:
            if parameter.where in ("query", "header", "cookie") and self._wanted(parameter):
                {"query": self._query, "header": self._header, "cookie": self._cookie}[parameter.where](parameter)
        for where, kept in (("query", self.sent.query), ("header", self.sent.headers)):
            if lost := self._lost.get(where):
                kept[TODO] = lost_parts(lost)

    def _wanted(self, parameter: Parameter) -> bool:
        place = self._place(parameter.where, parameter.name)
        if parameter.needed or self._inputs.fixed(place):
            return True
        if self._needed_only:
            self.sent.left_out.append(parameter.name)
            return False
        return not self._inputs.leaves_out(place)

    def _place(self, where: str, name: str) -> tuple[str, ...]:
        return (self._where if self._where != "path" else where, name)

    # -- path ------------------------------------------------------------------------------

    def _path(self, path: str, known: Mapping[str, Parameter]) -> str:
        wrong: list[str] = []

        def filled(hole: re.Match[str]) -> str:
            value = self._hole(path, hole, known.get(hole[1]))
            if value is None:
                wrong.append(hole[0])
            return value or hole[0]

        out = HOLE.sub(filled, path)
        if wrong or "#" in path:
            what = ", ".join(wrong) or "a `#`"
            return f"{TODO} {what} in a path is nothing that a contract can say: {path}"
        return out

    def _hole(self, path: str, hole: re.Match[str], parameter: Parameter | None) -> str | None:
        name = hole[1]
        above = HOLE.sub("{}", path[: path.index(hole[0])])  # a name that is there twice is one parameter
        place = ("path" if above in self._shared else self._where, name)
        if fixed := self._inputs.fixed(place):
            return _text(fixed[0])
        if re.search(r"[+*]", name):
            return None
        if parameter is None:
            said = f"{TODO} the description declares no parameter of this name: say what it is"
            return self._inputs.take(place, {"type": "string", "description": said}, ("path", above))
        if parameter.part.get("style", "simple") != "simple" or "content" in parameter.part:
            return None
        field_ = _text_input(parameter.schema)
        if field_ is None:
            return None
        return self._listed(field_, "form", place, ("path", above))

    # -- query, headers, cookies ------------------------------------------------------------------------------

    def _query(self, parameter: Parameter) -> None:
        name, part = parameter.name, parameter.part
        if names_a_secret(name):
            self.sent.query[name] = _CREDENTIAL
            return
        style, explode = _style(part)
        if "content" in part:
            style = "content"
        self._pair(self.sent.query, parameter, style, explode)

    def _pair(self, kept: Part, parameter: Parameter, style: str, explode: bool) -> None:
        """One parameter of a query or a form, in the style that the description says."""
        name, schema, place = parameter.name, parameter.schema, self._place(parameter.where, parameter.name)
        fixed = self._inputs.fixed(place)
        if fixed:
            kept[name] = _texts(fixed[0])
            return
        field_ = None if style in ("content", "deepObject") else _text_input(schema)
        properties = schema.get("properties")
        whole = isinstance(properties, dict) and not is_a_choice(schema) and bool(properties)
        if field_ is not None and not (field_["type"] == "array" and explode and style != "form"):
            self._optional(field_, parameter.needed)
            repeated = explode or field_["type"] != "array"
            kept[name] = self._inputs.take(place, field_) if repeated else self._listed(field_, style, place, None)
        elif whole and isinstance(properties, dict) and (style == "deepObject" or (style == "form" and explode)):
            self._object(kept, parameter, properties, style)
        elif parameter.needed:
            kept[name] = f"{TODO} a value that no input can hold, in the style `{style}`: write it out"
        else:
            self._lost.setdefault(parameter.where, []).append(name)

    def _object(self, kept: Part, parameter: Parameter, properties: Part, style: str) -> None:
        required = parameter.schema.get("required")
        needed = required if isinstance(required, list) else []
        for name, schema in properties.items():
            key = f"{parameter.name}[{name}]" if style == "deepObject" else name
            place = (*self._place(parameter.where, parameter.name), name)
            field_ = _text_input(schema) if isinstance(schema, dict) else None
            must = parameter.needed and name in needed
            if fixed := self._inputs.fixed(place):
                kept[key] = _texts(fixed[0])
            elif not must and self._inputs.leaves_out(place):
                continue
            elif field_ is not None and field_["type"] != "array":
                self._optional(field_, must)
                kept[key] = self._inputs.take(place, field_)
            elif must:
                kept[key] = f"{TODO} a value that no input can hold, in the style `{style}`: write it out"
            else:
                self._lost.setdefault(parameter.where, []).append(f"{parameter.name}.{name}")

    def _header(self, parameter: Parameter) -> None:
        name, lower, place = parameter.name, parameter.name.lower(), self._place("header", parameter.name)
        if lower in _NOT_PARAMETERS:
            return
        if lower in IDEMPOTENCY:
            self.sent.idempotency_key = name
        elif lower == "if-match":
            self.sent.if_match = f'{TODO} the version as the read shows it, for example "${{before.state.version}}"'
        elif fixed := self._inputs.fixed(place):
            self.sent.headers[name] = _text(fixed[0])
        elif names_a_secret(name):
            self.sent.headers[name] = _CREDENTIAL
        elif lower in _NOT_FOR_CONTRACTS:
            self.sent.headers[name] = f"{TODO} this header is not for contracts: delete the line"
        elif (field_ := _text_input(parameter.schema)) is not None and "content" not in parameter.part:
            self._optional(field_, parameter.needed)
            self.sent.headers[name] = self._listed(field_, "form", place, None)
        elif parameter.needed:
            self.sent.headers[name] = f"{TODO} a value that no input can hold: write it out"
        else:
            self._lost.setdefault("header", []).append(name)

    def _cookie(self, parameter: Parameter) -> None:
        name = re.sub(r"[^A-Za-z0-9_.-]", "?", parameter.name)[:60]
        if parameter.needed:
            self.sent.headers["Cookie"] = f"{TODO} the cookie `{name}` is needed, and no contract sends cookies"
        else:
            self._lost.setdefault("header", []).append(f"the cookie {name}")

    def _listed(self, field_: Part, style: str, place: tuple[str, ...], key: object) -> str:
        """The template of one value in a text; a list is joined by the mark of its style."""
        items = field_.get("items")
        if field_["type"] != "array" or not isinstance(items, dict):
            return self._inputs.take(place, field_, key)
        function, mark = _MARKS[style]
        if items["type"] == "string" and "enum" not in items:
            items["pattern"] = f"^[^{mark}]+$"
        return self._inputs.take(place, field_, key).replace("${", f"${{{function}(").replace("}", ")}")

    @staticmethod
    def _optional(field_: Part, needed: bool) -> None:
        if not needed and field_.get("default") is None:
            field_["optional"] = True

    # -- body ------------------------------------------------------------------------------

    def body(self, media: Mapping[str, JsonValue], solved: Callable[[JsonValue], Part]) -> None:
        """The body out of its media types: JSON first, then a form; of any other the type is named."""
        kinds = {str(kind).partition(";")[0].strip().lower(): kind for kind in media}
        named = next((k for k in kinds if k == "application/json"), None) or next(
            (k for k in kinds if k.endswith("+json")), None
        )
        own = media[kinds[named or FORM]] if named or FORM in kinds else None
        content = own if isinstance(own, dict) else {}
        if named:
            self.json(solved(content.get("schema")))
            if named != "application/json":
                self.sent.headers["content-type"] = named
        elif FORM in kinds:
            self.form(solved(content.get("schema")), content.get("encoding"))
        else:
            listed = ", ".join(re.sub(r"[^a-z0-9/+.*-]", "?", kind)[:60] for kind in list(kinds)[:4])
            # guard: bodies that are not carried
            self.sent.json = f"{TODO} the body is {listed or 'of no type'}, which no contract can say"

    def json(self, schema: Part) -> None:
        """A JSON body."""
        properties = schema.get("properties")
        if is_a_choice(schema):
            self.sent.json = (
                f"{TODO} the body is one of several shapes, or holds itself: write out the one that is meant"
            )
        elif schema.get("type", "object") != "object" or not isinstance(properties, dict):
            self.sent.json = f"{TODO} the body is no object with named fields: write it out"
        else:
            body = self._inputs.arguments(schema, (self._where if self._where != "path" else "body",))
            chooser = schema.get("discriminator")
            if isinstance(chooser, dict) and isinstance(chooser.get("mapping"), dict):
                name = re.sub(r"[^A-Za-z0-9_.-]", "?", str(chooser.get("propertyName")))[:60]
                body[f"{TODO} of {name}"] = f"{TODO} the fields that belong to its `{name}`; then delete this line"
            self.sent.json = body

    def form(self, schema: Part, encoding: JsonValue) -> None:
        """A form, each property in the style that `encoding` says."""
        properties, required = schema.get("properties"), schema.get("required")
        self.sent.form = {}
        if is_a_choice(schema) or not isinstance(properties, dict):
            self.sent.form[TODO] = f"{TODO} the form is one of several shapes, or names no fields: write it out"
            return
        for name, part in properties.items():
            own = encoding.get(name) if isinstance(encoding, dict) else None
            said = own if isinstance(own, dict) else {}
            style = "content" if "contentType" in said else str(said.get("style", "form"))
            needed = isinstance(required, list) and name in required
            whole = part if isinstance(part, dict) else {}
            self._field(
                Parameter(name, "body", said, whole, needed), style, said.get("explode", style == "form") is True
            )
        self._end_of_form()

    def fields(self, parameters: Sequence[Parameter]) -> None:
        """A form whose fields are parameters (Swagger 2)."""
        self.sent.form = {}
        for parameter in parameters:
            self._field(parameter, *_style(parameter.part))
        self._end_of_form()

    def _field(self, parameter: Parameter, style: str, explode: bool) -> None:
        kept = self.sent.form if self.sent.form is not None else {}
        kind = parameter.schema.get("type")
        if style == "form" and (kind == "object" or "properties" in parameter.schema):
            style = "content"  # by default an object in a form is JSON
        if not parameter.needed and self._inputs.leaves_out(self._place("body", parameter.name)):
            return
        if names_a_secret(parameter.name) and kind == "string":
            kept[parameter.name] = (
                f"{TODO} a secret: the connection's, or an input of `type: secret`; or delete the line"
            )
            return
        self._pair(kept, parameter, style, explode)

    def _end_of_form(self) -> None:
        if self.sent.form is not None and (lost := self._lost.get("body")):
            self.sent.form[TODO] = lost_parts(lost)


def _style(part: Part) -> tuple[str, bool]:
    """Style and explode of a parameter, with the defaults of OpenAPI 3, or out of Swagger's `collectionFormat`."""
    collection = part.get("collectionFormat", "csv" if part.get("type") == "array" else None)
    if collection is not None:
        return _COLLECTIONS.get(str(collection), (str(collection)[:20], False))
    style = str(part.get("style", "form"))
    return style, part.get("explode", style == "form") is True


def _text_input(schema: Mapping[str, JsonValue]) -> Part | None:
    """An input for a value that is sent as text: a number with a fraction is a text of its form."""
    field_ = input_of(schema)
    if field_ is None and schema.get("type") == "number" and not is_a_choice(schema):
        return {"type": "string", "pattern": _NUMBER}
    return field_


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _texts(value: JsonValue) -> JsonValue:
    return [_text(one) for one in value] if isinstance(value, list) else _text(value)
