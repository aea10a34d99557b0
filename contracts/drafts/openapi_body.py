"""The body of an OpenAPI operation's request: JSON, or a form; of any other the type is named in a `TODO`."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from contracts.drafts.credentials import names_a_secret
from contracts.drafts.draft_inputs import Inputs, lost_parts
from contracts.drafts.input_schema import is_a_choice
from contracts.drafts.openapi_pairs import PairWriter
from contracts.drafts.openapi_parameter import Parameter, Part, style_of
from contracts.drafts.request_draft import RequestDraft
from contracts.text.todo import TODO

FORM: Final = "application/x-www-form-urlencoded"


class BodyWriter:
    """Writes the body of one request."""

    def __init__(self, sent: RequestDraft, inputs: Inputs, pairs: PairWriter) -> None:
        self._sent = sent
        self._inputs = inputs
        self._pairs = pairs

    def write(self, media: Mapping[str, JsonValue], solved: Callable[[JsonValue], Part]) -> None:
        """The body out of its media types: JSON first, then a form; of any other the type is named."""
        kinds = {str(kind).partition(";")[0].strip().lower(): kind for kind in media}
        named = next((k for k in kinds if k == "application/json"), None) or next(
            (k for k in kinds if k.endswith("+json")), None
        )
        own = media[kinds[named or FORM]] if named or FORM in kinds else None
        content = own if isinstance(own, dict) else {}
        if named:
            self._json(solved(content.get("schema")))
            if named != "application/json":
                self._sent.headers["content-type"] = named
        elif FORM in kinds:
            self._form(solved(content.get("schema")), content.get("encoding"))
        else:
            listed = ", ".join(re.sub(r"[^a-z0-9/+.*-]", "?", kind)[:60] for kind in list(kinds)[:4])
            # guard: bodies that are not carried
            self._sent.json = f"{TODO} the body is {listed or 'of no type'}, which no contract can say"

    def _json(self, schema: Part) -> None:
        """A JSON body."""
        properties = schema.get("properties")
        if is_a_choice(schema):
            self._sent.json = (
                f"{TODO} the body is one of several shapes, or holds itself: write out the one that is meant"
            )
        elif schema.get("type", "object") != "object" or not isinstance(properties, dict):
            self._sent.json = f"{TODO} the body is no object with named fields: write it out"
        else:
            body = self._inputs.arguments(schema, self._pairs.place("body", "")[:1])
            # which of the shapes is meant decides about further fields, so it is not guessed
            chooser = schema.get("discriminator")
            if isinstance(chooser, dict) and isinstance(chooser.get("mapping"), dict):
                name = re.sub(r"[^A-Za-z0-9_.-]", "?", str(chooser.get("propertyName")))[:60]
                body[f"{TODO} of {name}"] = f"{TODO} the fields that belong to its `{name}`; then delete this line"
            self._sent.json = body

    def _form(self, schema: Part, encoding: JsonValue) -> None:
        """A form, each property in the style that `encoding` says."""
        properties, required = schema.get("properties"), schema.get("required")
        self._sent.form = {}
        if is_a_choice(schema) or not isinstance(properties, dict):
            self._sent.form[TODO] = f"{TODO} the form is one of several shapes, or names no fields: write it out"
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
        self._sent.form = {}
        for parameter in parameters:
            self._field(parameter, *style_of(parameter.part))
        self._end_of_form()

    def _field(self, parameter: Parameter, style: str, explode: bool) -> None:
        kept = self._sent.form if self._sent.form is not None else {}
        kind = parameter.schema.get("type")
        if style == "form" and (kind == "object" or "properties" in parameter.schema):
            style = "content"  # by default an object in a form is JSON
        if not parameter.needed and self._inputs.leaves_out(self._pairs.place("body", parameter.name)):
            return
        if names_a_secret(parameter.name) and kind == "string":
            kept[parameter.name] = (
                f"{TODO} a secret: the connection's, or an input of `type: secret`; or delete the line"
            )
            return
        self._pairs.write(kept, parameter, style, explode)

    def _end_of_form(self) -> None:
        if self._sent.form is not None and (lost := self._pairs.lost.get("body")):
            self._sent.form[TODO] = lost_parts(lost)
